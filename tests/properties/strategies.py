"""Random rulebooks, budgets and situations: every limit of the policy in every mixture."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from shared.domain.budget import Approval, Budget, Canary, Counts, Ended, Place, RingCount
from shared.domain.codec import fingerprint
from shared.domain.evaluate import evaluate
from shared.domain.exemptions import Exemption
from shared.domain.limits import Limit
from shared.domain.maintenance import MaintenanceConfiguration, MaintenanceWindow
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Mode, ProofLevel, Unreadable
from shared.domain.planned import ActionKind
from shared.domain.policy import Breaker, Disruption, Policy, Ring, Rule
from shared.domain.rulebook import Rulebook
from shared.domain.schedules import Daily, Weekly
from shared.domain.settings import (
    Fips,
    Modules,
    NewPools,
    Notice,
    OsSku,
    ProofSettings,
    Risk,
    Settings,
    Skip,
    WorkloadSettings,
)
from shared.domain.situation import Situation
from shared.domain.steps import approval_fingerprint, due
from shared.domain.windows import Blackout, Weekday, Window
from shared.domain.workloads import unread
from tests.builders import (
    IMAGE,
    NOW,
    PLAIN_IMAGE,
    POLL,
    book,
    cluster,
    disabled,
    exemption,
    profile,
    situation,
    workloads,
)
from tests.unit.strategies import clusters, memories, profiles

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
_GLOBS = st.sampled_from([("apps",), ("sys*",), ("*",), ("nothing-like-it",)])


def cases(count: int) -> int:
    """So many cases in `make test`, and a multiple of that in `make properties`."""
    return count * int(os.environ.get("PROPERTIES", "1"))


_versions = st.sampled_from([*[None] * 6, VersionRange(">=1.30"), VersionRange("<1.30")])
matches = st.builds(Match, pools=_GLOBS, kubernetes=_versions)
windows = st.builds(
    Window,
    st.sets(st.sampled_from(Weekday), max_size=3).map(lambda days: tuple(sorted(days))),
    st.sampled_from([time(1, 30), time(2, 30), time(22), time()]),
    st.sampled_from([timedelta(minutes=30), timedelta(hours=6), timedelta(days=2)]),
    st.sampled_from(ZONES),
)
blackouts = st.builds(
    lambda first, days, zone: Blackout(first, first + timedelta(days=days), "peak", zone),
    st.dates(date(2026, 10, 1), date(2026, 12, 31))
    | st.dates(date(2026, 3, 1), date(2026, 4, 10))
    | st.dates(date(2011, 12, 20), date(2012, 1, 3)),
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
    workloads=st.builds(
        WorkloadSettings, st.sampled_from(Risk), st.sampled_from(Risk), local_data=st.sampled_from(Risk)
    ),
    notice=st.builds(Notice, before=st.sampled_from([*[timedelta()] * 4, timedelta(days=1)])),
    windows=st.just(()) | st.lists(windows, max_size=3).map(tuple),
    blackouts=st.just(()) | st.just(()) | st.lists(blackouts, max_size=1).map(tuple),
    cluster_maintenance=st.sampled_from([False, False, True]),
)
own_windows = st.builds(
    MaintenanceWindow,
    st.builds(Daily, st.integers(1, 3)) | st.builds(Weekly, st.integers(1, 2), st.sampled_from(Weekday)),
    st.sampled_from([time(), time(2, 30), time(9), time(22)]),
    st.sampled_from([timedelta(hours=4), timedelta(hours=24)]),
    st.sampled_from([UTC, timezone(timedelta(hours=13)), timezone(timedelta(hours=-5))]),
    st.just(date(2011, 1, 1)),
)
configurations = st.builds(
    MaintenanceConfiguration,
    st.sampled_from(["aksManagedNodeOSUpgradeSchedule", "default", "aksManagedAutoUpgradeSchedule"]),
    own_windows.map(lambda window: (window,)),
    fault=st.sampled_from([*[""] * 5, "its schedule can't be read"]),
)
maintenance = st.lists(configurations, max_size=2).map(tuple) | st.just(
    Unreadable("Unreachable", "ARM said 503", timedelta(seconds=30))
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
_CHAIN = (
    Ring("sys", Match(pools=("sys*",)), soak=timedelta(hours=2)),
    Ring("first", Match(kubernetes=VersionRange(">=1.30"), pools=("apps",)), concurrent=Limit(2)),
    Ring("rest", Match(), concurrent=Limit(percent=20)),
)
rings = st.sampled_from(
    [
        (),
        (Ring("first", Match(pools=("apps",)), soak=timedelta(hours=2)), Ring("rest", Match())),
        (Ring("sys", Match(pools=("sys*",)), canary=False, concurrent=Limit(1)), Ring("rest", Match(), after="sys")),
        _CHAIN,
        _CHAIN,
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


RINGS = ("first", "sys", "rest")
_SUBSCRIPTION = "10000000-0000-4000-8000-000000000001"
_OTHERS = tuple(f"{_SUBSCRIPTION}|g|other-{number}" for number in range(3))
places = st.lists(
    st.builds(
        Place,
        st.just("i"),
        st.sampled_from(["apps", "apps", "system", "p"]),
        st.sampled_from(["s", _SUBSCRIPTION]),
        st.just(3),
        st.just(NOW),
        stage=st.sampled_from(["", *RINGS, *RINGS]),
    ),
    max_size=3,
).map(lambda found: {key: replace(place, intent=f"i-{key}") for key, place in zip(_OTHERS, found, strict=False)})
_full_rings = st.sampled_from(RINGS).map(
    lambda ring: {key: Place(f"i-{key}", "p", "s", 3, NOW, stage=ring) for key in _OTHERS[:2]}
)
_ring_counts = st.sampled_from(
    [*(RingCount(9, 0, NOW - timedelta(hours=hours)) for hours in (1, 3, 3, 3)), RingCount(9, 1), RingCount(9, 3)]
)


@st.composite
def budgets(draw: st.DrawFn, policy: str = "p1") -> Budget:
    """A budget with others' places, counts, canaries, ends and stops."""
    counts = Counts(
        NOW - draw(st.sampled_from([timedelta(minutes=5), timedelta(hours=4)])),
        draw(st.integers(0, 100)),
        {_SUBSCRIPTION: 20},
        {name: draw(_ring_counts) for name in RINGS},
        policy,
        exemptions="e1",
    )
    canary = draw(
        st.sampled_from(
            [
                None,
                *(Canary(_OTHERS[0], pool, proven=proven) for pool in ("apps", "system") for proven in (True, False)),
            ]
        )
    )
    return Budget(
        draw(places),
        paused=draw(st.sampled_from([False] * 9 + [True])),
        last_begun=draw(st.sampled_from([None, NOW - timedelta(minutes=5), NOW - timedelta(hours=2)])),
        ended=(Ended("i", NOW, failed=True),),
        broken=draw(st.sampled_from([*[""] * 9, "2 of 3 failed."])),
        counts=draw(st.sampled_from([None, counts, counts])),
        canaries={"first": canary} if canary else {},
        approvals=draw(st.sampled_from([{}, {policy: Approval("ana", NOW, NOW + timedelta(days=1), "the policy")}])),
    )


_CHANGES = st.sampled_from(
    [
        datetime(2026, 3, 8, 7, tzinfo=UTC),  # America goes forward
        datetime(2026, 3, 29, 1, tzinfo=UTC),  # Europe goes forward
        datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe goes back, by half an hour
        datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe goes forward
        datetime(2026, 10, 25, 1, tzinfo=UTC),  # Europe goes back
        datetime(2026, 11, 1, 6, tzinfo=UTC),  # America goes back
        datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia has no 30 December
    ]
)
moments = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    _CHANGES,
    st.integers(-400, 400) | st.integers(-4 * 24 * 60, 4 * 24 * 60),
)
"""Times around the changes of the clocks in the zones of the windows."""


_SKUS = st.sampled_from(["AzureLinux3", "Ubuntu2204", "Ubuntu", "Ubuntu2404"])


_UNREAD: dict[str, list[dict[str, Any]]] = {
    "version": [
        {"orchestratorVersion": version, "currentOrchestratorVersion": version}
        for version in ("latest", "", None, 7, "1.x", ...)
    ],
    "system": [
        {"osType": os_type, "osSKU": os_sku}
        for os_type, os_sku in (
            ("Linux", "Windows2022"),
            ("Linux", "Windows2019"),
            ("Windows", "AzureLinux3"),
            ("Windows", "Ubuntu2204"),
        )
    ],
    "size": [{"vmSize": size} for size in ("", None, 7, ...)],
}
"""What can't be read, or contradicts itself, on a pool that would be switched otherwise."""


def _unread(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(sorted(_UNREAD)).flatmap(
        lambda key: st.sampled_from(_UNREAD[key]).map(lambda changes: disabled(name, **changes))
    )


@st.composite
def _pools(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A node pool: mostly one that could be switched, some that are well, some that are odd."""
    kind = draw(st.sampled_from(["off", "off", "off", "off", "on", "odd", "unread"]))
    if kind == "odd":
        return draw(profiles(name))
    if kind == "unread":
        return draw(_unread(name))
    made = disabled if kind == "off" else profile
    mode, count = draw(st.sampled_from(["User", "System"])), draw(st.sampled_from([0, 1, 3, 5, 9]))
    return made(name, osSKU=draw(_SKUS), mode=mode, count=count)


@st.composite
def likely(draw: st.DrawFn) -> Cluster:
    """A cluster in which something is probably to be done."""
    names = draw(st.sampled_from([("apps",), ("apps", "system"), ("apps", "system", "batch")]))
    return cluster(*(draw(_pools(name)) for name in names))


_DONE = RingCount(9, 0, NOW - timedelta(days=60))
FREE = Budget(
    counts=Counts(NOW, 50, {_SUBSCRIPTION: 20}, {"first": _DONE, "sys": _DONE, "rest": _DONE}, "p1", exemptions="e1")
)
"""A budget in which nothing holds anything back."""


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A situation with any rulebook and budget; what waits for an approval has it in every other case."""
    read, rules, now = draw(likely() | likely() | clusters), draw(rulebooks()), draw(st.just(NOW) | moments)
    memory = _noticed(draw, read, draw(st.just(Memory()) | st.just(Memory()) | memories(read)))
    posture = evaluate(read, memory, rules, None, now)
    crowded = st.builds(lambda held: replace(FREE, places=held), places)
    budget = _staged(rules.policy, _as_of(now, draw(st.just(FREE) | crowded | budgets())))
    made = Situation(read, posture, memory, rules, budget, draw(maintenance), now, POLL, assuming=draw(st.booleans()))
    if draw(st.booleans()):
        words = Approval("ana", now - timedelta(hours=1), now + timedelta(days=1), "that")
        fingerprints = {approval_fingerprint(read, step): words for step in due(made)}
        made = replace(made, budget=replace(made.budget, approvals={**made.budget.approvals, **fingerprints}))
    return made


_ENABLING = fingerprint([ActionKind.ENABLE_FIPS, {"enableFIPS": True}])
"""What an owner is told of whose pool is to be switched on (steps.step_fingerprint)."""
_FOUND = (
    workloads(),
    workloads(smb=("prod/Deployment/files",)),
    workloads(budgets=("prod/PodDisruptionBudget/files",), local_data=("prod/Deployment/files",)),
    unread(NOW, "KubernetesForbidden: no.", passing=False),
)


@st.composite
def eager(draw: st.DrawFn) -> Situation:
    """A situation in which little but rings, places and windows keeps a pool from being switched."""
    now = draw(moments)
    asked = replace(
        draw(everyday),
        fips=Fips.REQUIRED,
        mode=Mode.ENFORCE,
        notice=Notice(),
        proof=ProofSettings(),
        new_pools=NewPools(skip=draw(st.sampled_from([(), (), (Skip.WINDOW,)]))),
    )
    made = book(rings=draw(rings), disruption=Disruption(Limit(draw(st.sampled_from([2, 9, 9])))))
    if draw(st.booleans()):
        asked = replace(asked, windows=(), blackouts=(), cluster_maintenance=False)
    either = replace(asked, fips=draw(st.sampled_from([Fips.REQUIRED, Fips.ANY])))
    ruled = tuple(Rule("r", Match(kubernetes=one), either) for one in (draw(_versions),) if one)
    rules = replace(made, policy=replace(made.policy, defaults=asked, rules=ruled))
    names = draw(st.sampled_from([("apps",), ("system",), ("batch",), ("batch",), ("apps", "system")]))
    read = cluster(*(draw(st.one_of(_switchable(name), _switchable(name), _unread(name))) for name in names))
    born = draw(st.sampled_from([None, now - timedelta(hours=1), now - timedelta(days=2)]))
    remembered = Memory(pools={pool.name: PoolMemory(first_seen=born, absent=born) for pool in read.pools})
    posture = evaluate(read, remembered, rules, None, now)
    counted = {name: draw(st.just(_DONE) | _ring_counts | _ring_counts) for name in RINGS}
    counts = Counts(NOW, 50, {_SUBSCRIPTION: 20}, counted, "p1", exemptions="e1")
    budget = _staged(rules.policy, _as_of(now, Budget(draw(places | _full_rings), counts=counts)))
    return Situation(read, posture, remembered, rules, budget, draw(maintenance), now, POLL, assuming=True)


def _switchable(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda sku, count: disabled(name, osSKU=sku, count=count), st.just("AzureLinux3"), st.integers(1, 9)
    )


def _staged(policy: Policy, budget: Budget) -> Budget:
    """The same budget, told in which rings of a policy its places and canaries are: in none that it has, if not."""
    chosen = {name: replace(canary, stage=policy.stage_called(name)) for name, canary in budget.canaries.items()}
    held = {key: replace(place, stage=policy.stage_called(place.stage)) for key, place in budget.places.items()}
    return replace(budget, places=held, canaries=chosen)


def _as_of(now: datetime, budget: Budget) -> Budget:
    """The same budget with counts that are as old at another time."""
    if budget.counts is None:
        return budget
    later = now - NOW
    counted = {
        name: replace(ring, clean_since=ring.clean_since + later if ring.clean_since else None)
        for name, ring in budget.counts.rings.items()
    }
    return replace(budget, counts=replace(budget.counts, at=budget.counts.at + later, rings=counted))


def _noticed(draw: st.DrawFn, read: Cluster, memory: Memory) -> Memory:
    for pool in read.pools:
        known = memory.pools.get(pool.name, PoolMemory())
        at = draw(st.sampled_from([None, NOW - timedelta(hours=1), NOW - timedelta(days=2)]))
        born = draw(st.sampled_from([None, None, NOW - timedelta(minutes=2)]))
        found = draw(st.sampled_from([*[None] * 9, *_FOUND]))
        told = replace(known, noticed=at, noticed_of=_ENABLING, first_seen=born, absent=born, workloads=found)
        memory = memory.with_pool(pool.name, told)
    return memory


def without(rules: Rulebook, *extra: Exemption) -> Rulebook:
    """The same rulebook with more exemptions."""
    return replace(rules, exemptions=replace(rules.exemptions, entries=(*rules.exemptions.entries, *extra)))


@st.composite
def half_way(draw: st.DrawFn) -> Situation:
    """A pool that AKS has left in Failed or Canceled with the flag as the policy wants it, and a person's word for it.

    Nothing but exemptions holds it back: without them the PUT is sent.
    """
    fips = draw(st.sampled_from([Fips.REQUIRED, Fips.FORBIDDEN]))
    state = draw(st.sampled_from(["Failed", "Canceled"]))
    on = fips is Fips.REQUIRED
    body = profile("apps", provisioningState=state, enableFIPS=on, nodeImageVersion=IMAGE if on else PLAIN_IMAGE)
    given_to = tuple(draw(st.lists(exemptions, max_size=2)))
    made = situation(
        cluster(body),
        rules=book(fips=fips, exemptions=given_to),
        memory=Memory(pools={"apps": PoolMemory(resume="ana")}),
    )
    return replace(made, posture=evaluate(made.cluster, made.memory, made.rules, None, made.now))
