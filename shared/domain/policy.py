"""The policy: what must be true of which node pools, and how far the product may go to make it true.

It is read from YAML; every fault is reported at once with its line. The default mode is `audit`.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, Mode, ProofLevel
from shared.domain.yaml_source import Faults, Located, mapping, parse, shown
from shared.errors import ConfigError

E = TypeVar("E", bound=StrEnum)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_LEAST_AGE = timedelta(hours=1)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MATCH_KEYS = ("subscriptions", "resource_groups", "clusters", "pools", "tags")


@dataclass(frozen=True, slots=True)
class Match:
    """Which pools a rule or an exclusion is about: every given part must fit; globs, without case."""

    subscriptions: tuple[str, ...] = ("*",)
    resource_groups: tuple[str, ...] = ("*",)
    clusters: tuple[str, ...] = ("*",)
    pools: tuple[str, ...] = ("*",)
    tags: tuple[tuple[str, str], ...] = ()
    """Name and glob of the value, of the cluster's tags."""

    def fits_cluster(self, cluster: ClusterId, tags: "dict[str, str]") -> bool:
        """Say whether the parts that concern a cluster fit; tag names compare without case, as in ARM."""
        have = {name.lower(): value for name, value in tags.items()}
        return (
            _any(self.subscriptions, cluster.subscription)
            and _any(self.resource_groups, cluster.resource_group)
            and _any(self.clusters, cluster.name)
            and all(name.lower() in have and _any((glob,), have[name.lower()]) for name, glob in self.tags)
        )

    def fits(self, cluster: Cluster, pool: str) -> bool:
        """Say whether everything fits one pool of a cluster."""
        return self.fits_cluster(cluster.id, dict(cluster.tags)) and _any(self.pools, pool)


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for the pools that it matches; the first rule that matches wins."""

    name: str
    match: Match
    mode: Mode
    line: int
    """Where it stands in the file; 0 for the default rule."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy, typed and checked."""

    mode: Mode = Mode.AUDIT
    """For pools that no rule matches."""
    scope: tuple[str, ...] = ("*",)
    """Subscriptions that are in scope: GUIDs, or `*`."""
    exclude: tuple[Match, ...] = ()
    """Clusters that are out of scope: they have no state."""
    rules: tuple[Rule, ...] = ()
    proof_level: ProofLevel = ProofLevel.NODE
    proof_max_age: timedelta = timedelta(days=3)
    """FedRAMP 20x asks to verify machines every 3 days for class C, 7 for class B (VDR-TFR-MVX)."""
    concurrent: int = 1
    """How many pools of the fleet may be remediated at once."""
    hash: str = field(default="", compare=False)
    """SHA-256 of the file's text: evidence names the policy by it."""

    def covers(self, cluster: ClusterId, tags: "dict[str, str]") -> bool:
        """Say whether a cluster is in scope."""
        return _any(self.scope, cluster.subscription) and not any(
            excluded.fits_cluster(cluster, tags) for excluded in self.exclude
        )

    def rule_for(self, cluster: Cluster, pool: str) -> Rule:
        """Return the first rule that matches a pool, or the default one."""
        for rule in self.rules:
            if rule.match.fits(cluster, pool):
                return rule
        return Rule("default", Match(), self.mode, 0)


def _any(globs: tuple[str, ...], value: str) -> bool:
    return any(fnmatchcase(value.lower(), glob.lower()) for glob in globs)


def read_policy(text: str, name: str = "policy") -> Policy:
    """Read a policy from YAML.

    Raises ConfigError with one line per fault (`line L, column C: what, what to do`); never returns
    half a policy.
    """
    faults = Faults()
    root = parse(text, faults)
    policy = _policy(root, faults, hashlib.sha256(text.encode()).hexdigest())
    if faults.lines():
        raise ConfigError(name, faults.lines())
    return policy


def _policy(root: Located, faults: Faults, digest: str) -> Policy:
    if root.value is None and faults.lines():
        return Policy()
    if not isinstance(root.value, dict):
        faults.add(root, "a policy is a mapping that begins with `version: 1`")
        return Policy()
    faults.unknown_keys(root, ("version", "mode", "scope", "rules", "proof", "disruption"), "the policy")
    top = mapping(root)
    version = top.get("version", root)
    if version.value != 1 or isinstance(version.value, bool):
        faults.add(version, "`version: 1` must stand in the policy: this app reads no other version")
    scope, proof, disruption = (_section(top, key, faults) for key in ("scope", "proof", "disruption"))
    faults.unknown_keys(scope, ("subscriptions", "exclude"), "`scope`")
    faults.unknown_keys(proof, ("level", "max_age"), "`proof`")
    faults.unknown_keys(disruption, ("concurrent",), "`disruption`")
    base = Policy()
    return Policy(
        mode=_enum(Mode, top.get("mode"), base.mode, faults),
        scope=_subscriptions(mapping(scope).get("subscriptions"), faults),
        exclude=tuple(
            _match(item, faults, "an exclusion", tuple(key for key in _MATCH_KEYS if key != "pools"))
            for item in _list(mapping(scope).get("exclude"), faults, "`exclude`")
        ),
        rules=_rules(top.get("rules"), faults),
        proof_level=_enum(ProofLevel, mapping(proof).get("level"), base.proof_level, faults),
        proof_max_age=_max_age(mapping(proof).get("max_age"), base.proof_max_age, faults),
        concurrent=_count(mapping(disruption).get("concurrent"), base.concurrent, faults),
        hash=digest,
    )


def _section(top: Any, key: str, faults: Faults) -> Located:
    node: Located = top.get(key, Located({}, 1, 1))
    if not isinstance(node.value, dict):
        faults.add(node, f"`{key}` must be a mapping")
    return node


def _rules(node: Located | None, faults: Faults) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    names: set[str] = {"default"}
    for item in _list(node, faults, "`rules`"):
        if not isinstance(item.value, dict):
            faults.add(item, "a rule is a mapping with `name`, `match` and `mode`")
            continue
        faults.unknown_keys(item, ("name", "match", "mode"), "a rule")
        name = _text(item.value.get("name", item), faults, "a rule's `name`")
        if name in names:
            faults.add(item, f"the rule name `{name}` is taken: names must be unique")
        names.add(name)
        if "mode" not in item.value:
            faults.add(item, f"rule `{name}` has no `mode`: say audit, alert or enforce")
        match = _match(item.value.get("match", Located({}, item.line, item.column)), faults, "`match`")
        rules.append(Rule(name, match, _enum(Mode, item.value.get("mode"), Mode.AUDIT, faults), item.line))
    return tuple(rules)


def _match(node: Located, faults: Faults, where: str, allowed: tuple[str, ...] = _MATCH_KEYS) -> Match:
    if not isinstance(node.value, dict):
        faults.add(node, f"{where} must be a mapping of {', '.join(allowed)}")
        return Match()
    faults.unknown_keys(node, allowed, where)
    if where == "an exclusion" and not node.value:
        faults.add(node, "an exclusion that names nothing would exclude the whole fleet")
    globs: dict[str, Any] = {
        key: tuple(_text(item, faults, f"`{key}`") for item in _list(node.value[key], faults, f"`{key}`"))
        for key in allowed
        if key in node.value and key != "tags"
    }
    for key in globs:
        if node.value[key].value == []:
            faults.add(node.value[key], f"`{key}` is empty and would match nothing: leave it out or fill it")
    tags = node.value.get("tags", Located({}, node.line, node.column))
    if not isinstance(tags.value, dict):
        faults.add(tags, "`tags` must be a mapping of tag names to values")
        return Match()
    if "tags" in node.value and not tags.value:
        faults.add(tags, "`tags` is empty and would match everything: leave it out or fill it")
    pairs = tuple((name, _text(value, faults, f"tag `{name}`")) for name, value in tags.value.items())
    return replace(Match(**globs), tags=pairs)


def _subscriptions(node: Located | None, faults: Faults) -> tuple[str, ...]:
    found = tuple(_text(item, faults, "a subscription") for item in _list(node, faults, "`subscriptions`"))
    for value in found:
        if value != "*" and not _GUID.fullmatch(value):
            at = node or Located(None, 1, 1)
            faults.add(at, f"`{value}` is not a subscription id: write its GUID, or `*` for all")
    if node is not None and node.value == []:
        faults.add(node, "`subscriptions` is empty, nothing would be in scope: leave it out for all")
    return found or ("*",)


def _list(node: Located | None, faults: Faults, what: str) -> list[Located]:
    if node is None:
        return []
    if not isinstance(node.value, list):
        faults.add(node, f"{what} must be a list")
        return []
    return node.value


def _text(node: Located, faults: Faults, what: str) -> str:
    if not isinstance(node.value, str) or not node.value:
        faults.add(node, f"{what} must be a text (quote it if it looks like a number)")
        return "?"
    return node.value


def _enum(kind: type[E], node: Located | None, default: E, faults: Faults) -> E:
    if node is None:
        return default
    try:
        return kind(node.value)
    except ValueError:
        faults.add(node, f"{shown(node)} is not one of {', '.join(kind)}")
        return default


def _max_age(node: Located | None, default: timedelta, faults: Faults) -> timedelta:
    found = _duration(node, default, faults)
    if node is not None and found < _LEAST_AGE:
        faults.add(node, f"`{node.value}` is too short: nodes are asked at most once an hour, so write `1h` or more")
        return default
    return found


def _duration(node: Located | None, default: timedelta, faults: Faults) -> timedelta:
    if node is None:
        return default
    found = _DURATION.fullmatch(node.value) if isinstance(node.value, str) else None
    if not found or not int(found[1]):
        faults.add(node, f"{shown(node)} is not a duration: write a number and s, m, h or d, like `3d`")
        return default
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _count(node: Located | None, default: int, faults: Faults) -> int:
    if node is None:
        return default
    if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 0:
        faults.add(node, f"{shown(node)} is not a count: write a whole number, 0 to hold everything back")
        return default
    return node.value
