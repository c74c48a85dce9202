"""The posture row: what a look commits is what lists and the resync read; a race for it is lost by the second."""

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.clock import ManualClock
from local.memory import MemoryTable
from shared.adapters.tables import _entity
from shared.domain.evaluate import evaluate
from shared.domain.exemptions import Exemptions
from shared.domain.looks import OVERDUE
from shared.domain.matching import Match
from shared.domain.memory import Memory
from shared.domain.model import ClusterRead, ComplianceState, Gone, Mode, Unreadable
from shared.domain.modules import edition
from shared.domain.plan import plan
from shared.domain.planned import Deferral, Plan
from shared.domain.policy import Ring
from shared.domain.posture import Posture
from shared.domain.records import Head
from shared.domain.settings import Fips, Notice, ProofSettings
from shared.errors import LeaseLostError, TerminalError
from shared.ports import Put, Written
from shared.postures import (
    PostureSummary,
    RingPart,
    StoredPosture,
    commit,
    control_digest,
    digest,
    read_posture,
    summaries,
)
from tests.builders import (
    ENFORCING,
    NOW,
    OTHER_SUBSCRIPTION,
    OUT_OF_SCOPE,
    PLAIN_IMAGE,
    alert,
    book,
    cluster,
    cluster_id,
    disabled,
    exemption,
    judged,
    memory,
    profile,
    proof,
    situation,
)
from tests.postures import GONE

BAD = judged(cluster(disabled()))
DAY = timedelta(days=1)


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable(ManualClock(NOW))


def stored(posture: Posture | None = BAD, **changes: object) -> StoredPosture:
    made = StoredPosture(
        Head(7, "h" * 64),
        posture,
        (Deferral("apps", "Paused", "A person paused.", NOW + timedelta(hours=1), "f1"),),
        rules="p1:e1",
        begun="intent-1",
        digest="d",
        control="c",
        due=NOW + timedelta(hours=1),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_cluster_that_was_never_looked_at_has_an_empty_row(table: MemoryTable) -> None:
    assert read_posture(table, cluster_id()) == StoredPosture()


def test_what_is_committed_reads_back(table: MemoryTable) -> None:
    written = commit(table, cluster_id(), stored(pending=(alert(),)))

    assert read_posture(table, cluster_id()) == written
    assert written.etag
    assert read_posture(table, cluster_id("other")) == StoredPosture()


def test_the_second_of_two_commits_on_one_read_has_lost(table: MemoryTable) -> None:
    first = read_posture(table, cluster_id())
    commit(table, cluster_id(), stored())

    with pytest.raises(LeaseLostError, match="rg-pay/aks-pay"):
        commit(table, cluster_id(), stored(etag=first.etag))

    newer = read_posture(table, cluster_id())
    commit(table, cluster_id(), replace(newer, head=Head(8, "i" * 64)))
    assert read_posture(table, cluster_id()).head.seq == 8


@pytest.mark.parametrize(
    ("posture", "expected"),
    [
        (BAD, (ComplianceState.NON_COMPLIANT, True, False, 1)),
        (GONE, (ComplianceState.NOT_APPLICABLE, True, True, 0)),
        (
            judged(cluster(), rules=OUT_OF_SCOPE),
            (ComplianceState.NOT_APPLICABLE, False, False, 0),
        ),
        (None, (ComplianceState.UNKNOWN, True, False, 0)),
    ],
)
def test_a_summary_says_state_scope_and_whether_the_cluster_is_gone(
    table: MemoryTable, posture: Posture | None, expected: tuple[ComplianceState, bool, bool, int]
) -> None:
    commit(table, cluster_id(), stored(posture))

    (found,) = summaries(table)

    rings = {"": RingPart(1, 1)} if posture is BAD else {}
    at = posture.at if posture else None
    assert found == PostureSummary(cluster_id(), *expected, 7, "c", NOW + timedelta(hours=1), at, "p1:e1", rings)


def test_a_summary_without_a_due_time_has_none(table: MemoryTable) -> None:
    commit(table, cluster_id(), stored(due=None))

    assert next(summaries(table)).due is None


def test_summaries_are_those_of_a_subscription_or_all(table: MemoryTable) -> None:
    other = cluster_id(subscription=OTHER_SUBSCRIPTION)
    for one in (cluster_id(), other):
        commit(table, one, stored())

    assert [item.cluster for item in summaries(table, OTHER_SUBSCRIPTION)] == [other]
    assert len(list(summaries(table))) == 2


class TestRings:
    """What the resync counts, without reading documents."""

    RULES = book(rings=(Ring("first", Match(pools=("a*",))), Ring("second", Match(pools=("b*",)))))

    def counted(self, table: MemoryTable, posture: Posture) -> dict[str, RingPart]:
        commit(table, cluster_id(), stored(posture))
        return dict(next(summaries(table)).rings)

    def test_each_has_its_pools_and_those_that_are_not_proven(self, table: MemoryTable) -> None:
        read = cluster(profile("a1"), profile("a2"), disabled("b1"), profile("other"))

        found = self.counted(table, judged(read, memory(a1=proof()), self.RULES))

        assert found == {"first": RingPart(2, 1, 1), "second": RingPart(1, 1), "": RingPart(1, 1, 1)}

    @pytest.mark.parametrize(
        ("posture", "expected"),
        [
            (
                judged(cluster(disabled()), rules=book(exemptions=(exemption(),))),
                RingPart(1, 0, exempt_until=exemption().expires),
            ),
            (judged(cluster(disabled()), rules=book(fips=Fips.ANY)), RingPart(1, 0)),
            (judged(cluster(), memory(apps=proof())), RingPart(1, 0)),
            (judged(cluster()), RingPart(1, 1, 1)),
            (judged(cluster(), memory(apps=proof(disagreeing=("n1",)))), RingPart(1, 1)),
            (BAD, RingPart(1, 1)),
        ],
    )
    def test_excused_is_done_and_unknown_is_not(self, table: MemoryTable, posture: Posture, expected: RingPart) -> None:
        assert self.counted(table, posture) == {"": expected}

    def test_out_of_scope_there_are_none(self, table: MemoryTable) -> None:
        assert self.counted(table, judged(cluster(), rules=OUT_OF_SCOPE)) == {}

    def test_a_row_that_says_less_of_each_counts_as_judged_by_nobody(self, table: MemoryTable) -> None:
        commit(table, cluster_id(), replace(stored(), rules="of today"))
        assert next(summaries(table)).rules == "of today"
        row = table.read(cluster_id().subscription, cluster_id().key)
        assert row is not None
        table.write(
            cluster_id().subscription, Put(row.key, row.etag, {**row.columns, "rings": '{"": [2, 1]}'}, row.doc)
        )

        (found,) = summaries(table)

        assert (found.rules, found.rings) == ("", {"": RingPart(2, 1)})

    def test_a_row_of_an_older_version_has_neither_rings_nor_rules(self, table: MemoryTable) -> None:
        commit(table, cluster_id(), stored())
        row = table.read(cluster_id().subscription, cluster_id().key)
        assert row is not None
        old = {name: value for name, value in row.columns.items() if name not in ("rings", "rules")}
        table.write(cluster_id().subscription, Put(row.key, row.etag, old, row.doc))

        (found,) = summaries(table)

        assert (found.rules, found.rings) == ("", {})


class TestControlDigest:
    """What resync compares Resource Graph's hint with."""

    @pytest.mark.parametrize(
        "read",
        [
            cluster(disabled()),
            cluster(profile(provisioningState="Upgrading")),
            cluster(profile(nodeImageVersion=PLAIN_IMAGE)),
            cluster(profile(nodeImageVersion="AKSAzureLinux-V3gen2fips-202612.01.0")),
            cluster(profile("apps"), profile("batch")),
            cluster(profile("other")),
            cluster(profile(count=4)),
            cluster(agentPoolProfiles=[]),
            cluster(powerState={"code": "Stopped"}),
            Gone(),
            Unreadable("Forbidden", "no", None),
        ],
    )
    def test_what_the_control_plane_says_otherwise_is_a_difference(self, read: ClusterRead) -> None:
        assert control_digest(read, ENFORCING, NOW) != control_digest(cluster(), ENFORCING, NOW)

    def test_another_policy_is_a_difference(self) -> None:
        assert control_digest(cluster(), book(Mode.ALERT), NOW) != control_digest(cluster(), ENFORCING, NOW)
        assert control_digest(cluster(), OUT_OF_SCOPE, NOW) != control_digest(cluster(), ENFORCING, NOW)

    def test_so_are_other_exemptions_though_they_change_no_verdict(self) -> None:
        other = replace(ENFORCING, exemptions=replace(ENFORCING.exemptions, hash="e2"))

        assert control_digest(cluster(), other, NOW) != control_digest(cluster(), ENFORCING, NOW)

    def test_the_last_good_rules_are_the_same_rules(self) -> None:
        troubled = replace(ENFORCING, trouble="line 3: mend it")

        assert control_digest(cluster(), troubled, NOW) == control_digest(cluster(), ENFORCING, NOW)

    @pytest.mark.parametrize("read", [cluster(profile(eTag="other")), cluster(tags={"x": "y"})])
    def test_what_nobody_judges_is_none(self, read: ClusterRead) -> None:
        assert control_digest(read, ENFORCING, NOW) == control_digest(cluster(), ENFORCING, NOW)

    def test_neither_is_time(self) -> None:
        later = NOW + timedelta(days=30)
        assert control_digest(cluster(), ENFORCING, later) == control_digest(cluster(), ENFORCING, NOW)


class TestDigest:
    """When there is anything new to record."""

    NOTHING = Plan(None, (), None)

    def test_the_same_verdicts_and_plan_at_another_time_are_nothing_new(self) -> None:
        later = evaluate(cluster(disabled()), Memory(), ENFORCING, None, NOW + timedelta(hours=1))

        assert digest(cluster(disabled()), later, self.NOTHING, ENFORCING) == digest(
            cluster(disabled()), BAD, self.NOTHING, ENFORCING
        )

    def test_another_verdict_is(self) -> None:
        bad = digest(cluster(disabled()), BAD, self.NOTHING, ENFORCING)
        assert digest(cluster(), judged(cluster()), self.NOTHING, ENFORCING) != bad
        proven = judged(cluster(), memory(apps=proof()))
        assert digest(cluster(), proven, self.NOTHING, ENFORCING) != digest(
            cluster(), judged(cluster()), self.NOTHING, ENFORCING
        )

    def test_a_decision_to_do_nothing_is_one_too(self) -> None:
        doing = plan(situation(cluster(disabled())))
        waiting = plan(situation(cluster(disabled()), rules=book(Mode.AUDIT)))

        assert len({digest(cluster(disabled()), BAD, one, ENFORCING) for one in (doing, waiting, self.NOTHING)}) == 3

    @pytest.mark.parametrize("field", ["os_sku", "node_image", "kubernetes_version"])
    def test_what_nodes_run_is_one_and_an_etag_is_none(self, field: str) -> None:
        read = cluster(profile())
        (pool,) = read.pools
        changed: Any = {field: "another"}
        other = replace(read, pools=(replace(pool, **changed),))
        tagged = replace(read, pools=(replace(pool, etag="another"),))

        known = digest(read, judged(read), self.NOTHING, ENFORCING)

        assert digest(other, judged(read), self.NOTHING, ENFORCING) != known
        assert digest(tagged, judged(read), self.NOTHING, ENFORCING) == known

    def test_another_owner_is_one_and_another_tag_is_none(self) -> None:
        policy, named = book(Mode.ENFORCE, notice=Notice(owner="ana@example.com")), {"owner": "carol"}
        reads = [
            cluster(profile()),
            cluster(profile(), tags={"Owner": "bob"}),
            cluster(profile(tags=named), tags={"owner": "bob"}),
        ]
        known = {digest(read, judged(read), self.NOTHING, ENFORCING) for read in reads}

        assert len(known | {digest(reads[0], judged(reads[0]), self.NOTHING, policy)}) == 4
        for tags in ({"owner": "carol", "env": "prod"}, {"OWNER": " carol "}):
            other = cluster(profile(tags=tags), tags={"owner": "bob"})
            assert digest(other, judged(other), self.NOTHING, ENFORCING) in known

    def test_what_no_record_says_of_an_owner_is_none(self) -> None:
        found = [cluster(profile(), tags={"owner": mail}) for mail in ("ana@example.com", "bob@example.com")]

        assert len({digest(read, judged(read), self.NOTHING, ENFORCING) for read in found}) == 1

    def test_another_list_of_certificates_is_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = cluster(profile())
        known, newer = (
            digest(read, judged(read), self.NOTHING, ENFORCING),
            replace(edition(), as_of=edition().as_of + DAY),
        )
        monkeypatch.setattr("shared.postures.edition", lambda: newer)

        assert digest(read, judged(read), self.NOTHING, ENFORCING) != known

    def test_until_when_a_verdict_holds_is_one(self) -> None:
        read = cluster(disabled())
        excused = [
            replace(ENFORCING, exemptions=Exemptions((exemption(**changes),)))
            for changes in ({}, {"name": "other"}, {"expires": exemption().expires + DAY})
        ]
        older = book(Mode.ENFORCE, proof=ProofSettings(max_age=9 * DAY))
        postures = [judged(read, rules=rules) for rules in (ENFORCING, older, *excused)]

        assert len({digest(read, one, self.NOTHING, ENFORCING) for one in postures}) == 5

    def test_a_date_that_stays_is_one_and_when_to_look_again_is_none(self) -> None:
        def waits(until: datetime, *, dated: bool) -> str:
            return digest(
                cluster(), BAD, Plan(None, (Deferral("apps", "R", "m", until, dated=dated),), None), ENFORCING
            )

        assert waits(NOW, dated=True) != waits(NOW + DAY, dated=True)
        assert waits(NOW, dated=False) == waits(NOW + DAY, dated=False)


@pytest.mark.parametrize(
    ("due", "later", "overdue"),
    [
        (timedelta(hours=1), timedelta(hours=2), False),
        (timedelta(hours=1), OVERDUE + timedelta(hours=1), False),
        (timedelta(hours=1), OVERDUE + timedelta(hours=1, seconds=1), True),
        (None, timedelta(), True),
    ],
)
def test_verdicts_that_nobody_renews_are_overdue(
    table: MemoryTable, due: timedelta | None, later: timedelta, *, overdue: bool
) -> None:
    commit(table, cluster_id(), stored(due=NOW + due if due is not None else None))

    assert next(summaries(table)).overdue(NOW + later) is overdue


def test_a_row_of_a_version_that_kept_nothing_of_before_is_read(table: MemoryTable) -> None:
    lost = evaluate(Unreadable("Forbidden", "Assign it.", None), Memory(), ENFORCING, BAD, NOW)
    commit(table, cluster_id(), stored(lost))
    row = table.read(cluster_id().subscription, cluster_id().key)
    assert row
    doc = json.loads(json.dumps(row.doc))
    del doc["posture"]["earlier"], doc["posture"]["lastRead"], doc["posture"]["pools"][0]["earlier"]
    table.write(cluster_id().subscription, Put(cluster_id().key, row.etag, row.columns, doc))

    known = read_posture(table, cluster_id()).posture

    assert known
    after = evaluate(cluster(disabled()), Memory(), ENFORCING, known, NOW + DAY)
    assert (after.pools[0].since, after.last_read) == (NOW + DAY, None)


@pytest.mark.parametrize("unread", [False, True])
def test_the_row_of_a_cluster_with_100_pools_and_5000_nodes_fits_whatever_is_wrong_with_them(*, unread: bool) -> None:
    """Node lists stand in evidence alone: a row holds 1 MiB, and 32 Ki characters in a property (Table service)."""
    chance = random.Random(1)
    names = [f"pool{number:03}" for number in range(100)]
    read = cluster(*(profile(name, count=50) for name in names))
    found = {}
    for name in names:
        nodes = tuple(f"aks-{name}-{chance.getrandbits(32):08x}-vmss{number:06x}" for number in range(50))
        found[name] = proof(disagreeing=nodes, silent=" ".join(nodes), etag=f"etag-{name}")
    posture = judged(read, memory(**found))
    waits = tuple(Deferral(name, "WindowClosed", f"{chance.getrandbits(2000):x}", NOW, "f" * 16) for name in names)
    told = tuple(alert(key=f"{name}-{chance.getrandbits(64):x}", pool=name, text="x" * 2000) for name in names)
    if unread:
        lost = Unreadable("Forbidden", "Assign the app's role on this subscription.", None)
        for _ in range(9):
            posture = evaluate(lost, Memory(), ENFORCING, posture, NOW)
        assert all(pool.earlier for pool in posture.pools)
    tables = KeptEntity()

    commit(tables, cluster_id(), stored(posture, deferrals=waits, pending=told, owed=tuple(names)))

    entity = _entity(cluster_id().subscription, tables.put)
    sizes = {name: len(value) for name, value in entity.items() if isinstance(value, str | bytes)}
    assert posture.state is (ComplianceState.UNKNOWN if unread else ComplianceState.INCONSISTENT)
    assert max(sizes[name] for name in sizes if isinstance(entity[name], str)) <= 32 * 1024
    assert max(sizes[name] for name in sizes if isinstance(entity[name], bytes)) <= 64 * 1024
    assert sum(sizes.values()) < 512 * 1024, "half of what a row holds"


class KeptEntity(MemoryTable):
    """A table that keeps what was put last."""

    put: Put

    def __init__(self) -> None:
        super().__init__(ManualClock(NOW))

    def write(self, partition: str, put: Put) -> Written | None:
        """Keep it."""
        self.put = put
        return super().write(partition, put)


def test_what_does_not_fit_is_refused_by_us_since_not_every_storage_does() -> None:
    with pytest.raises(TerminalError, match="column rings has 32769 characters"):
        _entity("p", Put("k", None, {"rings": "x" * 32769}, {}))
    noise = random.Random(1).randbytes(2_000_000).hex()
    with pytest.raises(TerminalError, match="a row holds"):
        _entity("p", Put("k", None, {}, {"noise": noise}))
