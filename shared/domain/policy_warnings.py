"""What is valid in a policy and its exemptions and probably not meant. Warnings are values: they hold nothing back."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from shared.domain.exemptions import Exemptions
from shared.domain.globs import fits
from shared.domain.hiding import hides
from shared.domain.match_warnings import ADD_RING, asks_for_pools, lines, match_warnings, takes_all
from shared.domain.policy import Disruption, ExemptionRules, Policy, Ring, Rule
from shared.domain.reasons import OF_CLUSTERS
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Modules, Settings, Skip, Strategy

_LONG_BLACKOUT, _LONG_NEW = timedelta(days=366), timedelta(days=30)
_Found = tuple[int, str]
"""The line, 0 for the top, and what is told."""
_ALL: Final = "all"


def rulebook_warnings(rules: Rulebook, now: datetime) -> tuple[str, ...]:
    """Return all that can be told of both texts without a look at the fleet, and what the rulebook says itself."""
    terms = rules.policy.exemptions
    return (*rules.warnings, *policy_warnings(rules.policy), *exemption_warnings(rules.exemptions, terms, now))


def policy_warnings(policy: Policy) -> tuple[str, ...]:
    """Return contradictions within a policy, as `line L: what, what to do`; of its top without a line."""
    found = [*_never_reached("rule", policy.rules), *_never_reached("ring", policy.rings), *_of_matches(policy)]
    found += [*_held_back(policy), *((0, text) for text in _about_exemptions(policy))]
    at_the_top = tuple(_contradictions(policy.defaults, policy))
    found += [(0, text) for text in at_the_top]
    for rule in policy.rules:
        own = [text for text in _contradictions(rule.settings, policy) if text not in at_the_top]
        own += _of_windows(rule)
        found += [(rule.line, f"rule `{rule.name}`: {text}") for text in own]
    return lines(found)


def exemption_warnings(exemptions: Exemptions, terms: ExemptionRules, now: datetime) -> tuple[str, ...]:
    """Return which exemptions excuse nothing, or more or less than they seem to; lines are those of their own file."""
    found: list[_Found] = []
    for each in exemptions.entries:
        name, end = f"exemption `{each.name}`", each.ends(terms)
        if now >= end:
            found.append((each.line, f"{name} ended on {each.last(terms)}: renew or remove it"))
        elif end < each.expires:
            found.append((each.line, f"{name} ends on {each.last(terms)}"))
        if takes_all(each.match):
            found.append((each.line, f"{name} excuses the whole fleet: name clusters or node pools"))
        if each.covers and OF_CLUSTERS.issuperset(each.covers) and asks_for_pools(each.match):
            what = "excuses nothing: its `covers` are findings of clusters, and its match asks for node pools"
            found.append((each.line, f"{name} {what}"))
        found += [(each.match.line or each.line, text) for text in match_warnings(name, each.match)]
    return lines(found)


def _never_reached(what: str, parts: Sequence[Rule | Ring]) -> Iterator[_Found]:
    for place, part in enumerate(parts):
        before = next((one for one in parts[:place] if hides(one.match, part.match)), None)
        if before:
            hint = f"{what} `{before.name}` (line {before.line}) takes all its node pools: change their order"
            yield part.line, f"{what} `{part.name}` is never reached: {hint}"


def _of_matches(policy: Policy) -> Iterator[_Found]:
    named = [(f"rule `{each.name}`", each.match, each.line) for each in policy.rules]
    named += [(f"ring `{each.name}`", each.match, each.line) for each in policy.rings]
    for what, match, line in named:
        yield from ((match.line or line, text) for text in match_warnings(what, match))
    if policy.scope.management_groups and "*" in policy.scope.subscriptions:
        yield 0, "`management_groups` of `scope` says nothing beside `subscriptions: ['*']`: leave one of the two out"
    for each in policy.scope.exclude:
        if takes_all(each):
            yield each.line, "an exclusion takes the whole fleet: nothing is judged"
        yield from ((each.line, text) for text in match_warnings("an exclusion", each))


def _held_back(policy: Policy) -> Iterator[_Found]:
    if not (policy.defaults.mode.acts or any(rule.settings.mode.acts for rule in policy.rules)):
        return
    if none := _none_allowed(policy.disruption):
        yield 0, f"`{none}` of `disruption` is 0: nothing is ever remediated, whatever the modes say"
    for ring in policy.rings:
        if ring.concurrent and 0 in (ring.concurrent.count, ring.concurrent.percent):
            yield ring.line, f"`concurrent` of ring `{ring.name}` is 0: none of its node pools is ever remediated"
    if policy.rings and not any(takes_all(ring.match) for ring in policy.rings) and _acts_on_any(policy):
        what = "every ring has a `match`, and node pools that fit none of them (a tag that is missing is enough) may be"
        yield policy.rings[-1].line, f"{what} changed and wait for none: {ADD_RING}"


def _acts_on_any(policy: Policy) -> bool:
    """Say whether something that acts is about whatever comes: of narrower rules only the fleet can tell."""
    last = next((rule.settings for rule in policy.rules if takes_all(rule.match)), policy.defaults)
    return last.mode.acts


def _none_allowed(disruption: Disruption) -> str:
    for name in ("concurrent", "per_subscription"):
        limit = getattr(disruption, name)
        if limit is not None and 0 in (limit.count, limit.percent):
            return name
    return "nodes" if disruption.nodes == 0 else ""


def _about_exemptions(policy: Policy) -> Iterator[str]:
    if policy.exemptions.expiring >= policy.exemptions.max_age:
        yield "`expiring` of `exemptions` is no shorter than `max_age`: every exemption is always about to expire"


def _of_windows(rule: Rule) -> Iterator[str]:
    """Say that a rule for Windows pools has them replaced by twins whose registry nobody may ask."""
    settings, types = rule.settings, rule.match.os_types
    windows = bool(types) and not any(fits("linux", glob) for glob in types)
    replaced = settings.strategy is Strategy.REPLACE and settings.mode.acts and settings.fips is Fips.REQUIRED
    if windows and replaced and not settings.proof.registry_image:
        needs = "`proof.windows_image`, and a level that asks nodes"
        yield f"`strategy: replace` of Windows pools needs {needs}: without it no twin is ever proven"


def _contradictions(settings: Settings, policy: Policy) -> Iterator[str]:
    notice, new = settings.notice, settings.new_pools
    if notice.before and not notice.owner and not notice.owner_tag:
        yield "`notice` is to be given, and neither `owner` nor `owner_tag` says to whom: only the channels are told"
    if Skip.SOAK in new.skip and not policy.rings:
        yield "`new_pools` skips the soak, and there are no `rings` to wait for"
    if new.skip and new.within > _LONG_NEW:
        skipped = " and ".join(new.skip)
        yield f"`new_pools` skips {skipped} for {new.within.days} days: by then a pool has workloads like any other"
    if new.enforce_after > new.within:
        yield "`enforce_after` is longer than `within`: a pool is no longer new by then, and waits for everything"
    if settings.modules is Modules.REQUIRED and settings.fips is Fips.FORBIDDEN:
        yield "`modules: required` asks for validated modules where `fips: forbidden` wants FIPS off"
    for each in settings.blackouts:
        if each.last - each.first >= _LONG_BLACKOUT:
            yield f"the blackout from {each.first} to {each.last} lasts more than a year: nothing is remediated in it"
