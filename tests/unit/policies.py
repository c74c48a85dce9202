"""Policies and exemptions of every kind, and how they are written: the reader's opposite, for tests alone."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import yaml
from hypothesis import strategies as st

from shared.domain.exemptions import Category, Exemption, Exemptions
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.model import Mode, ProofLevel
from shared.domain.policy import UNTOLD, Breaker, Disruption, ExemptionRules, Policy, Ring, Rule, Scope
from shared.domain.settings import (
    CHANNELS,
    Fips,
    Modules,
    NewPools,
    Notice,
    OsSku,
    ProofSettings,
    Risk,
    Settings,
    Skip,
    Strategy,
    WorkloadSettings,
)
from shared.domain.windows import WEEK, Blackout, Window
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION

_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def written(value: Any) -> Any:
    """Return a value of the language as plain data that YAML can hold."""
    match value:
        case bool() | int() | date() | None:
            return value
        case StrEnum() | str():
            return str(value)
        case timedelta():
            unit = [name for name, length in _UNITS.items() if not value % length][-1] if value else "s"
            return f"{value // _UNITS[unit]}{unit}"
        case time():
            return f"{value:%H:%M}"
        case VersionRange():
            return value.text
        case tuple():
            return [written(item) for item in value]
        case Mapping():
            return dict(value)
    assert is_dataclass(value)
    return _record(value)


def _record(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(value):
        item = getattr(value, each.name)
        if each.name in ("defaults", "settings"):
            found |= written(item)
        elif each.name == "failures":
            found[each.name] = f"{item}%"
        elif _stands(each.name, item, value):
            found[each.name] = written(item)
    return found


def _stands(name: str, item: Any, around: Any) -> bool:
    if name in ("line", "hash") or item is None:
        return False
    may_be_empty = isinstance(around, Settings | NewPools | Policy | Notice | ProofSettings) and name != "alerts"
    return bool(item) or may_be_empty or item in (0, timedelta()) or item is False


def policy_text(policy: Policy) -> str:
    """Return a policy as somebody might have written it."""
    return yaml.safe_dump({"version": 1, **written(policy)}, sort_keys=False)


def exemptions_text(exemptions: Exemptions) -> str:
    """Return an exemptions file as somebody might have written it."""
    return yaml.safe_dump({"version": 1, "exemptions": written(exemptions.entries)}, sort_keys=False)


_globs = st.text("abAB01-_*?[]!.", min_size=1, max_size=6)
_lists = st.just(()) | st.lists(_globs, min_size=1, max_size=3).map(tuple)


def _of(*globs: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.just(()) | st.lists(st.sampled_from(globs), min_size=1, max_size=3).map(tuple)


_tags = st.dictionaries(st.text("abAB-", min_size=1, max_size=3), _globs, max_size=2)
_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).filter(
    str.strip
)
_durations = st.builds(lambda number, unit: number * unit, st.integers(0, 999), st.sampled_from(list(_UNITS.values())))
_versions = st.sampled_from([None, VersionRange(">=1.28 <1.35"), VersionRange("1.30"), VersionRange(" <2.0 ")])
_zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])
_days = st.dates(date(2000, 1, 1), date(2999, 12, 31))
_limits = st.builds(Limit, st.integers(0, 99)) | st.builds(Limit, st.none() | st.integers(0, 9), st.integers(0, 100))
_windows = st.builds(
    Window,
    st.lists(st.sampled_from(WEEK), max_size=3).map(tuple),
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    st.integers(1, 7 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    _zones,
)
_blackouts = st.builds(lambda one, two, *rest: Blackout(*sorted((one, two)), *rest), _days, _days, _words, _zones)
cluster_matches = {
    "subscriptions": _lists,
    "resource_groups": _lists,
    "clusters": _lists,
    "locations": _lists,
    "tags": _tags,
}
matches = st.builds(
    Match,
    **cluster_matches,
    pools=_lists,
    pool_tags=_tags,
    os_types=_of("Linux", "windows", "L*"),
    os_skus=_lists,
    pool_modes=_of("System", "user", "*"),
    kubernetes=_versions,
)
_settings = st.builds(
    Settings,
    fips=st.sampled_from(Fips),
    mode=st.sampled_from(Mode),
    proof=st.builds(
        ProofSettings,
        st.sampled_from(ProofLevel),
        st.integers(1, 999).map(lambda hours: timedelta(hours=hours)),
        _durations,
        st.booleans(),
        st.sampled_from(["busybox", "registry.example.com:5000/tools/busybox:1.37", f"a.io/b@sha256:{'0f' * 32}"]),
        st.sampled_from(["", "mcr.microsoft.com/windows/nanoserver:ltsc2022"]),
        st.booleans(),
        st.booleans(),
    ),
    new_pools=st.builds(NewPools, _durations, _durations, st.lists(st.sampled_from(Skip), max_size=2).map(tuple)),
    os_sku=st.sampled_from(OsSku),
    modules=st.sampled_from(Modules),
    workloads=st.builds(WorkloadSettings, *[st.sampled_from(Risk)] * 4),
    notice=st.builds(Notice, _durations, st.sampled_from(["", "ana@example.com"]), st.just("") | _words, _words),
    strategy=st.sampled_from(Strategy),
    windows=st.lists(_windows, max_size=2).map(tuple),
    blackouts=st.lists(_blackouts, max_size=2).map(tuple),
    cluster_maintenance=st.booleans(),
    alerts=st.lists(st.sampled_from(CHANNELS), max_size=2).map(tuple),
)


@st.composite
def _rings(draw: st.DrawFn) -> tuple[Ring, ...]:
    """Rings that come after the one above or one further up: no circle can be made of these."""
    found: list[Ring] = []
    for name in draw(st.lists(_words.filter(lambda word: word != UNTOLD), max_size=3, unique=True)):
        after = draw(st.sampled_from(["", *(ring.name for ring in found)]))
        found.append(Ring(name, draw(matches), after, draw(_durations), draw(st.booleans()), draw(st.none() | _limits)))
    return tuple(found)


_scopes = st.builds(
    Scope,
    st.lists(st.from_regex(r"[A-Za-z0-9_.()-]{1,90}", fullmatch=True), max_size=2).map(tuple),
    st.sampled_from([(), ("*",), (SUBSCRIPTION,), (SUBSCRIPTION, OTHER_SUBSCRIPTION.upper())]),
    st.lists(st.builds(ClusterMatch, **cluster_matches).filter(lambda match: match != ClusterMatch()), max_size=2).map(
        tuple
    ),
)
_whole_minutes = st.integers(1, 999).map(lambda minutes: timedelta(minutes=minutes))
policies = st.builds(
    Policy,
    defaults=_settings,
    scope=_scopes,
    rules=st.lists(
        st.builds(Rule, _words.filter(lambda name: name != "default"), matches, _settings),
        max_size=2,
        unique_by=lambda rule: rule.name,
    ).map(tuple),
    rings=_rings(),
    disruption=st.builds(
        Disruption,
        _limits,
        st.none() | _limits,
        st.none() | st.integers(0, 999),
        _durations,
        st.builds(Breaker, st.integers(1, 100), _whole_minutes, st.integers(1, 99)),
    ),
    exemptions=st.builds(ExemptionRules, st.integers(1, 999).map(lambda days: timedelta(days=days)), _durations),
    require_approved_policy=st.booleans(),
).filter(lambda policy: not policy.defaults.alerts or all(rule.settings.alerts for rule in policy.rules))
"""Policies without a fault; a rule can't go back to all channels where the top names some."""
moments = st.datetimes(datetime(2000, 1, 2), datetime(2999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds it)
exemptions = st.lists(
    st.builds(
        Exemption,
        st.text("abc", min_size=1, max_size=4),
        matches.filter(lambda match: match != Match()),
        st.sampled_from(Category),
        st.just("because"),
        st.just("ana"),
        st.just("bob"),
        st.just("T1"),
        moments,
        moments,
        st.sampled_from([(), ("FipsDisabled",)]),
    ).filter(lambda each: each.created < each.expires),
    max_size=3,
    unique_by=lambda each: each.name,
).map(lambda entries: Exemptions(tuple(entries)))
"""Exemptions each of which is sound; some overlap."""
