"""What is valid in a policy and probably not meant. Warnings are values: they hold nothing back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from re import compile as pattern
from typing import Final

from shared.domain.exemptions import Exemptions
from shared.domain.matching import ClusterMatch, Match
from shared.domain.model import Cluster, Pool
from shared.domain.policy import Disruption, Policy, Ring, Rule
from shared.domain.settings import Fips, Modules, Settings, Skip

_CLUSTER_PARTS: Final = ("subscriptions", "resource_groups", "clusters", "locations")
_POOL_PARTS: Final = ("pools", "os_types", "os_skus", "pool_modes")


@dataclass(frozen=True, slots=True)
class _Seen:
    """Every value that occurs in a fleet, lower case, by the part of a match that is about it."""

    parts: Mapping[str, set[str]] = field(
        default_factory=lambda: {name: set() for name in (*_CLUSTER_PARTS, *_POOL_PARTS)}
    )
    tags: dict[str, set[str]] = field(default_factory=dict)
    """Values of tags of clusters, by name."""
    pool_tags: dict[str, set[str]] = field(default_factory=dict)
    """Values of tags of node pools, by name."""


def policy_warnings(policy: Policy) -> tuple[str, ...]:
    """Return contradictions within a policy, as `line L: what, what to do`; of its top without a line."""
    found = [*_never_reached("rule", policy.rules), *_never_reached("ring", policy.rings)]
    found += [(0, text) for text in (*_held_back(policy), *_about_exemptions(policy))]
    at_the_top = tuple(_contradictions(policy.defaults, policy))
    found += [(0, text) for text in at_the_top]
    for rule in policy.rules:
        own = [text for text in _contradictions(rule.settings, policy) if text not in at_the_top]
        found += [(rule.line, f"rule `{rule.name}`: {text}") for text in own]
    return tuple(f"line {line}: {text}" if line else text for line, text in sorted(found))


def glob_warnings(policy: Policy, exemptions: Exemptions, clusters: Iterable[Cluster]) -> tuple[str, ...]:
    """Return the globs that match nothing in a fleet, as `line L: what`; exemptions have lines of their own file.

    `clusters` must be the whole fleet, those that are out of scope among them.
    """
    seen = _seen(clusters)
    found = [warning for what, match, line in _matches(policy) for warning in _vain(what, match, line, seen)]
    excused = [
        warning
        for each in exemptions.entries
        for warning in _vain(f"exemption `{each.name}`", each.match, each.line, seen)
    ]
    return tuple(f"line {line}: {text}" for line, text in (*sorted(found), *sorted(excused)))


def _never_reached(what: str, parts: Sequence[Rule | Ring]) -> Iterator[tuple[int, str]]:
    for place, part in enumerate(parts):
        for before in parts[:place]:
            if _takes_all(before.match) or before.match == part.match:
                hint = f"{what} `{before.name}` (line {before.line}) takes all its node pools: change their order"
                yield part.line, f"{what} `{part.name}` is never reached: {hint}"
                break


def _takes_all(match: Match) -> bool:
    asked = [getattr(match, part) for part in (*_CLUSTER_PARTS, *_POOL_PARTS)]
    return not match.tags and not match.pool_tags and not match.kubernetes and all(not g or "*" in g for g in asked)


def _held_back(policy: Policy) -> Iterator[str]:
    acting = policy.defaults.mode.acts or any(rule.settings.mode.acts for rule in policy.rules)
    if acting and (none := _none_allowed(policy.disruption)):
        yield f"`{none}` of `disruption` is 0: nothing is ever remediated, whatever the modes say"


def _none_allowed(disruption: Disruption) -> str:
    for name in ("concurrent", "per_subscription"):
        limit = getattr(disruption, name)
        if limit is not None and 0 in (limit.count, limit.percent):
            return name
    return "nodes" if disruption.nodes == 0 else ""


def _about_exemptions(policy: Policy) -> Iterator[str]:
    if policy.exemptions.expiring >= policy.exemptions.max_age:
        yield "`expiring` of `exemptions` is no shorter than `max_age`: every exemption is always about to expire"


def _contradictions(settings: Settings, policy: Policy) -> Iterator[str]:
    notice, new = settings.notice, settings.new_pools
    if notice.before and not notice.owner and not notice.owner_tag:
        yield "`notice` is to be given, and neither `owner` nor `owner_tag` says to whom: only the channels are told"
    if Skip.SOAK in new.skip and not policy.rings:
        yield "`new_pools` skips the soak, and there are no `rings` to wait for"
    if new.enforce_after > new.within:
        yield "`enforce_after` is longer than `within`: a pool is no longer new by then, and waits for everything"
    if settings.modules is Modules.REQUIRED and settings.fips is Fips.FORBIDDEN:
        yield "`modules: required` asks for validated modules where `fips: forbidden` wants FIPS off"


def _matches(policy: Policy) -> Iterator[tuple[str, ClusterMatch, int]]:
    for rule in policy.rules:
        yield f"rule `{rule.name}`", rule.match, rule.line
    for ring in policy.rings:
        yield f"ring `{ring.name}`", ring.match, ring.line
    for excluded in policy.scope.exclude:
        yield "an exclusion", excluded, excluded.line


def _vain(what: str, match: ClusterMatch, line: int, seen: _Seen) -> Iterator[tuple[int, str]]:
    for part, values in seen.parts.items():
        for glob in getattr(match, part, ()):
            if not _fits_any(glob, values):
                yield match.line or line, f"`{glob}` in `{part}` of {what} matches nothing in the fleet"
    for part, tags in (("tags", seen.tags), ("pool_tags", seen.pool_tags)):
        for name, glob in getattr(match, part, {}).items():
            if not _fits_any(glob, tags.get(name.lower(), set())):
                yield match.line or line, f"`{name}: {glob}` in `{part}` of {what} matches nothing in the fleet"


def _fits_any(glob: str, values: set[str]) -> bool:
    fits = pattern(translate(glob.lower())).match
    return glob.lower() in values or any(fits(value) for value in values)


def _seen(clusters: Iterable[Cluster]) -> _Seen:
    seen = _Seen()
    for cluster in clusters:
        own = (cluster.id.subscription, cluster.id.resource_group, cluster.id.name, cluster.location)
        _note(seen.parts, _CLUSTER_PARTS, own)
        _note_tags(seen.tags, cluster.tags)
        for pool in cluster.pools:
            _note(seen.parts, _POOL_PARTS, _of(pool))
            _note_tags(seen.pool_tags, pool.tags)
    return seen


def _of(pool: Pool) -> tuple[str, ...]:
    return (pool.name, pool.os_type, pool.os_sku, pool.mode)


def _note(parts: Mapping[str, set[str]], names: Sequence[str], values: Sequence[str]) -> None:
    for name, value in zip(names, values, strict=True):
        parts[name].add(value.lower())


def _note_tags(tags: dict[str, set[str]], found: Mapping[str, str]) -> None:
    for name, value in found.items():
        tags.setdefault(name.lower(), set()).add(value.lower())
