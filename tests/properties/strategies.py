"""Random rulebooks, budgets and situations: every limit of the policy in every mixture."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.domain.budget import Approval, Budget, Canary, Counts, Ended, Place, RingCount
from shared.domain.codec import fingerprint
from shared.domain.evaluate import evaluate
from shared.domain.exemptions import Exemption
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match
from shared.domain.model import ActionKind, Cluster, Memory, Mode, PoolMemory, ProofLevel
from shared.domain.policy import Breaker, Disruption, Ring, Rule
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Modules, NewPools, Notice, OsSku, ProofSettings, Settings, Skip
from shared.domain.situation import Situation
from shared.domain.steps import approval_fingerprint, due
from shared.domain.windows import Blackout, Weekday, Window
from tests.builders import NOW, POLL, book, cluster, disabled, exemption, profile
from tests.unit.strategies import clusters, memories, profiles

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
_GLOBS = st.sampled_from([("apps",), ("sys*",), ("*",), ("nothing-like-it",)])


def cases(count: int) -> int:
    """So many cases in `make test`, and a multiple of that in `make properties`."""
    return count * int(os.environ.get("PROPERTIES", "1"))


matches = st.builds(Match, pools=_GLOBS)
windows = st.builds(
    Window,
    st.sets(st.sampled_from(Weekday), max_size=3).map(lambda days: tuple(sorted(days))),
    st.sampled_from([time(1, 30), time(2, 30), time(22), time()]),
    st.sampled_from([timedelta(minutes=30), timedelta(hours=6), timedelta(days=2)]),
    st.sampled_from(ZONES),
)
blackouts = st.builds(
    lambda first, days, zone: Blackout(first, first + timedelta(days=days), "peak", zone),
    st.dates(date(2026, 10, 1), date(2026, 12, 31)),
    st.integers(0, 20),
    st.sampled_from(ZONES),
)
everyday = st.builds(
    Settings,
    fips=st.sampled_from([*[Fips.REQUIRED] * 8, Fips.FORBIDDEN, Fips.ANY]),
    mode=st.sampled_from([*[Mode.ENFORCE] * 6, Mode.APPROVE, Mode.APPROVE, Mode.ALERT, Mode.AUDIT]),
    proof=st.builds(ProofSettings, level=st.sampled_from(ProofLevel)),
    new_pools=st.builds(
        NewPools,
        enforce_after=st.sampled_from([timedelta(), timedelta(minutes=10)]),
        skip=st.sets(st.sampled_from(Skip)).map(tuple),
    ),
    os_sku=st.sampled_from(OsSku),
    modules=st.sampled_from(Modules),
    notice=st.builds(Notice, before=st.sampled_from([*[timedelta()] * 4, timedelta(days=1)])),
    windows=st.just(()) | st.lists(windows, max_size=3).map(tuple),
    blackouts=st.just(()) | st.just(()) | st.lists(blackouts, max_size=1).map(tuple),
)
limits = st.builds(Limit, st.sampled_from([0, 1, 2, 3, 5, 9]), st.none() | st.integers(0, 100)) | st.builds(
    Limit, percent=st.integers(0, 100)
)
disruptions = st.builds(
    Disruption,
    concurrent=st.just(Limit(4)) | limits,
    per_subscription=st.none() | limits,
    nodes=st.none() | st.integers(0, 30),
    spacing=st.sampled_from([timedelta(), timedelta(), timedelta(hours=1)]),
    breaker=st.builds(Breaker, st.integers(1, 100), st.just(timedelta(days=1)), st.integers(1, 3)),
)
exemptions = st.builds(
    lambda name, match, covers, days: exemption(
        name, match=match, covers=covers, expires=NOW + timedelta(days=days), created=NOW - timedelta(days=20)
    ),
    st.sampled_from(["one", "two"]),
    matches,
    st.sampled_from([(), (), ("FipsDisabled",), ("WindowsProofMissing",), ("NodesDisagree",)]),
    st.integers(-5, 50),
)
rings = st.sampled_from(
    [
        (),
        (Ring("first", Match(pools=("apps",)), soak=timedelta(hours=2)), Ring("rest", Match())),
        (Ring("sys", Match(pools=("sys*",)), canary=False, concurrent=Limit(1)), Ring("rest", Match(), after="sys")),
    ]
)


@st.composite
def rulebooks(draw: st.DrawFn) -> Rulebook:
    """A rulebook with up to three rules and every kind of limit."""
    made = book(
        exclude=draw(st.sampled_from([*[()] * 9, (ClusterMatch(clusters=("aks-*",)),)])),
        rings=draw(rings),
        disruption=draw(disruptions),
        exemptions=tuple(draw(st.just([]) | st.just([]) | st.lists(exemptions, max_size=2))),
        trouble=draw(st.sampled_from([*[""] * 9, "policy.yaml can't be read."])),
    )
    rules = tuple(
        Rule(f"r{number}", draw(matches), draw(everyday), number) for number in range(draw(st.integers(0, 3)))
    )
    policy = replace(
        made.policy,
        defaults=draw(everyday),
        rules=rules,
        require_approved_policy=draw(st.sampled_from([False] * 5 + [True])),
    )
    return replace(made, policy=policy)


@st.composite
def budgets(draw: st.DrawFn, policy: str = "p1") -> Budget:
    """A budget with others' places, counts, canaries, ends and stops."""
    places = {
        f"s{number}|g|c": Place(f"i{number}", "p", draw(st.sampled_from(["s", _SUBSCRIPTION])), "first", 3, NOW)
        for number in range(draw(st.integers(0, 3)))
    }
    clean = draw(st.sampled_from([None, NOW - timedelta(hours=1), NOW - timedelta(hours=3)]))
    first = RingCount(9, 0 if clean else draw(st.integers(1, 3)), clean)
    counts = Counts(
        NOW - draw(st.sampled_from([timedelta(minutes=5), timedelta(hours=4)])),
        draw(st.integers(0, 100)),
        {_SUBSCRIPTION: 20},
        {"first": first, "sys": first, "rest": RingCount(9)},
        policy,
    )
    canary = draw(st.sampled_from([None, Canary("s|g|c", "p"), Canary("s|g|c", "p", proven=True)]))
    return Budget(
        places,
        paused=draw(st.sampled_from([False] * 9 + [True])),
        last_begun=draw(st.sampled_from([None, NOW - timedelta(minutes=5), NOW - timedelta(hours=2)])),
        ended=(Ended("i", NOW, failed=True),),
        broken=draw(st.sampled_from([*[""] * 9, "2 of 3 failed."])),
        counts=draw(st.sampled_from([None, counts, counts])),
        canaries={"first": canary} if canary else {},
        approvals=draw(st.sampled_from([{}, {policy: Approval("ana", NOW, NOW + timedelta(days=1), "the policy")}])),
    )


_SUBSCRIPTION = "10000000-0000-4000-8000-000000000001"
moments = st.datetimes(datetime(2026, 10, 20), datetime(2026, 11, 30), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds it)


_SKUS = st.sampled_from(["AzureLinux3", "Ubuntu2204", "Ubuntu", "Ubuntu2404"])


@st.composite
def _pools(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A node pool: mostly one that could be switched, some that are well, some that are odd."""
    kind = draw(st.sampled_from(["off", "off", "off", "off", "on", "odd"]))
    if kind == "odd":
        return draw(profiles(name))
    made = disabled if kind == "off" else profile
    mode, count = draw(st.sampled_from(["User", "System"])), draw(st.sampled_from([0, 1, 3, 5, 9]))
    return made(name, osSKU=draw(_SKUS), mode=mode, count=count)


@st.composite
def likely(draw: st.DrawFn) -> Cluster:
    """A cluster in which something is probably to be done."""
    names = draw(st.sampled_from([("apps",), ("apps", "system"), ("apps", "system", "batch")]))
    return cluster(*(draw(_pools(name)) for name in names))


_DONE = RingCount(9, 0, NOW - timedelta(days=60))
FREE = Budget(counts=Counts(NOW, 50, {_SUBSCRIPTION: 20}, {"first": _DONE, "sys": _DONE, "rest": _DONE}, "p1"))
"""A budget in which nothing holds anything back."""


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A situation with any rulebook and budget; what waits for an approval has it in every other case."""
    read, rules, now = draw(likely() | likely() | clusters), draw(rulebooks()), draw(st.just(NOW) | moments)
    memory = _noticed(draw, read, draw(st.just(Memory()) | st.just(Memory()) | memories(read)))
    posture = evaluate(read, memory, rules, None, now)
    made = Situation(read, posture, memory, rules, draw(st.just(FREE) | st.just(FREE) | budgets()), (), now, POLL)
    if draw(st.booleans()):
        words = Approval("ana", now - timedelta(hours=1), now + timedelta(days=1), "that")
        fingerprints = {approval_fingerprint(read, step): words for step in due(made)}
        made = replace(made, budget=replace(made.budget, approvals={**made.budget.approvals, **fingerprints}))
    return made


_ENABLING = fingerprint([ActionKind.ENABLE_FIPS, {"enableFIPS": True}])
"""What an owner is told of whose pool is to be switched on (steps.step_fingerprint)."""


def _noticed(draw: st.DrawFn, read: Cluster, memory: Memory) -> Memory:
    for pool in read.pools:
        known = memory.pools.get(pool.name, PoolMemory())
        at = draw(st.sampled_from([None, NOW - timedelta(hours=1), NOW - timedelta(days=2)]))
        born = draw(st.sampled_from([None, None, NOW - timedelta(minutes=2)]))
        smb = draw(st.sampled_from([*[()] * 9, ("prod/files",)]))
        told = replace(known, noticed=at, noticed_of=_ENABLING, first_seen=born, absent=born, smb=smb)
        memory = memory.with_pool(pool.name, told)
    return memory


def without(rules: Rulebook, *extra: Exemption) -> Rulebook:
    """The same rulebook with more exemptions."""
    return replace(rules, exemptions=replace(rules.exemptions, entries=(*rules.exemptions.entries, *extra)))
