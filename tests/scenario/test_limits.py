"""What holds a remediation back, over hours and days: windows, rings, the breaker, people who were asked or told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from local.seed import EPOCH
from local.world.faults import DRAIN_FAILURE, Answer, FailOperation, Fault
from local.world.model import Pool
from shared.budget import approve, change, reset_breaker, revoke
from shared.domain.budget import Approval, Ended
from shared.domain.exemptions import Exemptions
from shared.domain.ids import ClusterId
from shared.domain.matching import Match
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from tests.builders import exemption
from tests.protocol.lab import CLUSTER, Tap, ruled
from tests.scenario.fleet import Fleet

PROVEN = "compliant: NodesProven"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fleet(text: str) -> Fleet:
    made = Fleet()
    made.policies.rules = ruled(text)
    return made


def begun(lab: Fleet, cluster: ClusterId = CLUSTER) -> list[datetime]:
    """When the remediations of a cluster began."""
    return [datetime.fromisoformat(record.payload["at"]) for record in lab.records(RecordKind.INTENT, cluster)]


def fails(lab: Fleet, *, times: int = 1) -> None:
    """Let the next remediations fail half-way."""
    effect = FailOperation("PodDrainFailure", DRAIN_FAILURE)
    lab.world.faults.add(Fault(effect, method="PUT", kind="agentPools", times=times))


def while_it_looks(made: Callable[[], Fleet], before_the_end: int, happens: Callable[[Fleet], object]) -> Fleet:
    """A fleet with a look in which something happens, so many calls before it would have sent its PUT."""
    calls = list[str]()

    def looks(lab: Fleet, tap: Tap) -> None:
        lab.event()
        message = lab.queue.take(HOUR)
        assert message
        lab.work(message, tap)

    looks(made(), Tap(before=calls.append))
    asked_at, lab, gone = calls.index("clusters.begin") - before_the_end, made(), list[str]()

    def meanwhile(call: str) -> None:
        if len(gone) == asked_at:
            happens(lab)
        gone.append(call)

    looks(lab, Tap(before=meanwhile))
    assert len(gone) > asked_at
    return lab


def mend(lab: Fleet, pool: Pool) -> None:
    """Somebody mends a pool: AKS has rolled it back, and its budgets allow evictions now."""
    with lab.world.entered():
        pool.provisioning_state = "Succeeded"
        pool.properties |= {"enableFIPS": False, "nodeLabels": {"mended": "yes"}}
        pool.image = pool.target_image()


_RINGS_BY_POOL = """mode: enforce
disruption: {concurrent: 10}
rings:
  - {name: dev, match: {pools: ["np*"]}, soak: 2h}
  - {name: prod, match: {pools: ["prod*"]}}
"""

# Windows


def test_outside_the_window_nothing_begins_and_inside_it_does() -> None:
    lab = fleet('mode: enforce\nwindows: [{days: [Tuesday], start: "02:00", length: 2h, zone: Europe/Berlin}]\n')
    lab.look(lasting=12 * HOUR)
    assert lab.puts() == []
    assert lab.waits() == "OutsideWindow"
    lab.days(0.5)
    assert lab.verdict() == PROVEN
    (at,) = begun(lab)
    assert EPOCH.replace(day=24, hour=1) <= at < EPOCH.replace(day=24, hour=3), "two o'clock in Berlin is one in UTC"


def test_a_blackout_beats_the_window() -> None:
    lab = fleet("mode: enforce\nblackouts: [{first: 2026-11-23, last: 2026-11-24, reason: peak season}]\n")
    lab.look(lasting=DAY)
    assert (lab.puts(), lab.waits()) == ([], "Blackout")
    assert "peak season" in lab.deferral().message
    lab.days(1)
    assert lab.verdict() == PROVEN


# Exemptions


def test_an_exempt_pool_is_never_acted_on_and_its_posture_is_exempt_until_the_exemption_ends() -> None:
    lab = fleet("mode: enforce\n")
    other = lab.add("aks-other")
    excused = exemption(created=EPOCH - DAY, expires=EPOCH + 2 * DAY)
    excused = replace(excused, match=replace(excused.match, clusters=(CLUSTER.name,)))
    lab.policies.rules = replace(ruled("mode: enforce\n"), exemptions=Exemptions((excused,), hash="e1"))
    lab.look(CLUSTER, other, lasting=HOUR)
    lab.days(1.5)
    assert lab.verdict() == "exempt: FipsDisabled"
    assert (lab.waits(), lab.puts(CLUSTER)) == ("Exempt", [])
    assert lab.verdict(other) == PROVEN, "it excuses nobody else"
    judged = lab.records(RecordKind.OBSERVATION)[-1].payload
    assert judged["exemptions"] == "e1"
    assert "legacy" in str(judged["posture"])
    lab.days(1.5)
    assert lab.verdict() == PROVEN
    assert begun(lab)[0] >= excused.expires


# Approval


def test_mode_approve_waits_and_a_word_lets_exactly_that_through_once() -> None:
    lab = fleet("mode: approve\n")
    lab.look(lasting=3 * HOUR)
    assert (lab.puts(), lab.waits()) == ([], "ApprovalMissing")
    asked = lab.deferral().approval
    now = lab.clock.now()
    approve(lab.rollout, asked, Approval("ana", now, now + DAY, "enable fips on np1"))
    lab.look(lasting=HOUR)
    assert lab.verdict() == PROVEN
    (intent,) = lab.records(RecordKind.INTENT)
    assert intent.payload["approvals"][asked]["by"] == "ana"
    assert lab.budget.approvals == {}, "it is used up"
    with lab.world.entered():
        lab.pool.properties["enableFIPS"] = False
        lab.pool.image = lab.pool.target_image()
        lab.pool.etag = lab.world.guid()
    lab.look(lasting=DAY)
    assert (lab.puts(), lab.waits()) == ([200], "ApprovalMissing"), "the next time is another word's"


@pytest.mark.parametrize("change", [{"osSKU": "Ubuntu2204"}, {"vmSize": "Standard_D8ds_v5"}, {"count": 9}])
def test_an_approval_holds_for_exactly_the_pool_that_was_shown(change: dict[str, object]) -> None:
    lab = fleet("mode: approve\n")
    lab.look(lasting=HOUR)
    now, asked = lab.clock.now(), lab.deferral().approval
    approve(lab.rollout, asked, Approval("ana", now, now + DAY, "enable fips on np1"))
    with lab.world.entered():
        lab.pool.properties.update(change)
        lab.pool.image = lab.pool.target_image()
    lab.look(lasting=2 * HOUR)
    assert (lab.puts(), lab.waits()) == ([], "ApprovalMissing")
    assert lab.deferral().approval != asked


def test_an_approval_that_has_ended_lets_nothing_through() -> None:
    lab = fleet('mode: approve\nwindows: [{start: "02:00", length: 1h}]\n')
    lab.clock.advance(18 * HOUR)
    lab.look()
    now, asked = lab.clock.now(), lab.deferral().approval
    approve(lab.rollout, asked, Approval("ana", now, now + HOUR, "enable fips on np1"))
    lab.days(2)
    assert (lab.puts(), lab.budget.places) == ([], {})


def test_a_word_is_given_back_when_aks_did_not_take_the_put() -> None:
    lab = fleet("mode: approve\n")
    lab.look()
    now, asked = lab.clock.now(), lab.deferral().approval
    approve(lab.rollout, asked, Approval("ana", now, now + DAY, "enable fips on np1"))
    lab.world.faults.add(Fault(Answer(429, "Throttled", "slow down", retry_after=600), method="PUT", times=1))
    lab.look(lasting=timedelta(minutes=5))
    assert lab.outcomes() == ["refused"]
    assert lab.budget.approvals[asked].by == "ana"
    lab.passes(HOUR)
    assert lab.verdict() == PROVEN


def test_a_policy_that_needs_approval_acts_only_once_it_has_it() -> None:
    lab, rules = Fleet(), ruled("mode: enforce\nrequire_approved_policy: true\n")
    lab.policies.rules = rules
    lab.look(lasting=2 * HOUR)
    assert (lab.puts(), lab.waits()) == ([], "PolicyNotApproved")
    now, asked = lab.clock.now(), lab.deferral().approval
    assert asked == rules.policy.hash
    approve(lab.rollout, asked, Approval("ana", now, now + DAY, "the policy"))
    lab.look(lasting=HOUR)
    assert lab.verdict() == PROVEN
    assert asked in lab.budget.approvals, "a policy's approval goes on to hold"
    lab.policies.rules = ruled("mode: enforce\nrequire_approved_policy: true\n# another\n")
    other = lab.add("aks-other")
    lab.look(other, lasting=2 * HOUR)
    assert (lab.puts(other), lab.waits(other)) == ([], "PolicyNotApproved")


def test_a_text_whose_approval_was_taken_back_does_nothing_when_the_file_is_that_text_again() -> None:
    lab, text = Fleet(), "mode: enforce\nrequire_approved_policy: true\n"
    now, rules, careful = lab.clock.now(), ruled(text), ruled("mode: audit\nrequire_approved_policy: true\n")
    for each in (rules, careful):
        approve(lab.rollout, each.policy.hash, Approval("ana", now, now + 90 * DAY, "the policy"), guarded=True)
    lab.policies.rules = careful
    lab.look(lasting=HOUR)

    assert len(revoke(lab.rollout, rules.policy.hash, "bob", lab.clock.now())) == 1
    lab.policies.rules = ruled(text)
    lab.look(lasting=2 * HOUR)

    assert (lab.puts(), lab.waits()) == ([], "PolicyNotApproved")


@pytest.mark.parametrize("before_the_end", [3, 5, 8])
def test_an_approval_that_is_taken_back_just_before_a_put_is_heard(before_the_end: int) -> None:
    rules = ruled("mode: enforce\nrequire_approved_policy: true\n")

    def agreed() -> Fleet:
        lab = Fleet()
        lab.policies.rules = rules
        now = lab.clock.now()
        approve(lab.rollout, rules.policy.hash, Approval("ana", now, now + DAY, "the policy"), guarded=True)
        return lab

    lab = while_it_looks(
        agreed, before_the_end, lambda lab: revoke(lab.rollout, rules.policy.hash, "bob", lab.clock.now())
    )
    lab.look(lasting=2 * HOUR)

    assert (lab.puts(), lab.waits()) == ([], "PolicyNotApproved")


# Notice


def test_the_owner_is_told_first_and_the_reimage_waits() -> None:
    lab = fleet("mode: enforce\nnotice: {before: 1d, owner: fallback@example.com}\n")
    lab.pool.properties["tags"] = {"Owner": "team@example.com"}
    lab.look(lasting=HOUR)
    (told,) = [alert for alert in lab.alerts.sent if alert.reason == "RemediationAnnounced"]
    assert (told.owner, told.pool) == ("team@example.com", "np1")
    assert (lab.puts(), lab.waits()) == ([], "NoticeGiven")
    lab.look(lasting=HOUR)
    assert (lab.puts(), lab.waits()) == ([], "NoticeRunning")
    lab.days(0.8)
    assert lab.puts() == []
    lab.days(0.5)
    assert lab.verdict() == PROVEN
    assert begun(lab)[0] - EPOCH >= DAY
    assert lab.told("RemediationAnnounced") == 1


def test_the_tag_of_the_pool_names_the_owner_before_that_of_the_cluster_and_the_policy_after_both() -> None:
    lab = fleet("mode: enforce\nnotice: {before: 1d, owner: fallback@example.com}\n")
    tagged = lab.add("aks-tagged", {"owner": "cluster@example.com"})
    lab.add_pool(tagged, "np2", tags={"owner": "pool@example.com"})
    lab.look(CLUSTER, tagged)
    owners = {(alert.cluster, alert.pool): alert.owner for alert in lab.alerts.sent if alert.owner}
    assert owners == {
        (CLUSTER.arm_id, "np1"): "fallback@example.com",
        (tagged.arm_id, "np1"): "cluster@example.com",
        (tagged.arm_id, "np2"): "pool@example.com",
    }


@pytest.mark.parametrize("before_the_end", [2, 3, 5, 8])
def test_an_exemption_that_begins_while_a_look_lasts_holds_its_put_back(before_the_end: int) -> None:
    starts = EPOCH + timedelta(minutes=2)

    def made() -> Fleet:
        excused = exemption(created=starts, expires=EPOCH + 90 * DAY, match=Match(clusters=(CLUSTER.name,)))
        lab = Fleet()
        lab.policies.rules = replace(ruled("mode: enforce\n"), exemptions=Exemptions((excused,), hash="e1"))
        return lab

    lab = while_it_looks(made, before_the_end, lambda lab: lab.clock.advance(starts - lab.clock.now()))
    lab.look(lasting=HOUR)

    assert (lab.puts(), lab.verdict()) == ([], "exempt: FipsDisabled")


NOTIFIED = "mode: enforce\nnotice: {{before: 1d, owner: {owner}@example.com, objection_tag: {tag}}}\n{more}"
ONLY_SATURDAYS = 'windows: [{days: [Saturday], start: "10:00", length: 5h}]\n'


def test_a_notice_of_another_tag_or_to_another_owner_runs_anew() -> None:
    for changed in ({"tag": "hands-off"}, {"owner": "new"}):
        lab = fleet(NOTIFIED.format(owner="old", tag="no-fips", more=""))
        lab.look(lasting=HOUR)
        lab.days(0.7)
        lab.policies.rules = ruled(NOTIFIED.format(**{"owner": "old", "tag": "no-fips", "more": "", **changed}))
        lab.days(0.7)
        assert lab.puts() == []
        lab.days(1.2)
        assert lab.verdict() == PROVEN
        assert lab.told("RemediationAnnounced") == 2


@pytest.mark.parametrize(
    "between", [NOTIFIED.format(owner="old", tag="hands-off", more=""), "mode: alert\n"], ids=["tag", "mode"]
)
def test_an_edit_that_is_taken_back_the_same_day_is_told_as_well(between: str) -> None:
    first = NOTIFIED.format(owner="old", tag="no-fips", more="")
    lab = fleet(first)
    for text in (first, between, first):
        lab.policies.rules = ruled(text)
        lab.look()
        lab.clock.advance(HOUR)
    sent = [alert for alert in lab.alerts.sent if alert.reason == "RemediationAnnounced"]
    assert "`no-fips`" in sent[-1].text
    assert len({alert.key for alert in sent}) == len(sent) == (3 if "notice" in between else 2)


def test_every_notice_leaves_a_record_also_one_right_after_another() -> None:
    lab = fleet(NOTIFIED.format(owner="old", tag="no-fips", more=""))
    lab.look()
    lab.policies.rules = ruled(NOTIFIED.format(owner="new", tag="no-fips", more=""))
    lab.clock.advance(HOUR)
    lab.look()
    told = [record.payload["plan"]["notices"] for record in lab.records(RecordKind.OBSERVATION)]
    assert [one["until"] for notices in told for one in notices] == [
        "2026-11-24T08:00:00.000000Z",
        "2026-11-24T09:00:00.000000Z",
    ]


def test_nothing_begins_before_the_time_that_the_owner_was_told_though_the_windows_are_others_by_then() -> None:
    terms = {"owner": "apps", "tag": "no-fips"}
    lab = fleet(NOTIFIED.format(**terms, more=ONLY_SATURDAYS))
    lab.look(lasting=HOUR)
    assert "From 2026-11-28 10:00 UTC on" in next(
        alert.text for alert in lab.alerts.sent if alert.reason == "RemediationAnnounced"
    )
    lab.policies.rules = ruled(NOTIFIED.format(**terms, more=""))
    lab.days(4)
    assert (lab.puts(), lab.waits()) == ([], "NoticeRunning")
    lab.days(2)
    assert begun(lab)[0] >= datetime(2026, 11, 28, 10, tzinfo=UTC)
    assert lab.verdict() == PROVEN


def test_an_objection_holds_until_it_is_withdrawn() -> None:
    lab = fleet("mode: enforce\nnotice: {before: 1h, owner: team@example.com}\n")
    lab.look(lasting=HOUR / 2)
    lab.pool.properties["tags"] = {"FIPS-Objection": "not before the release"}
    lab.days(2)
    assert (lab.puts(), lab.waits()) == ([], "OwnerObjects")
    lab.pool.properties["tags"] = {}
    lab.look(lasting=2 * HOUR)
    assert lab.verdict() == PROVEN


def test_an_objection_counts_where_no_notice_is_given_too() -> None:
    lab = fleet("mode: enforce\n")
    tagged = lab.add("aks-tagged", {"fips-objection": ""})
    lab.look(tagged, lasting=2 * HOUR)
    assert (lab.puts(), lab.waits(tagged)) == ([], "OwnerObjects")


# Rings

RINGS = """mode: enforce
disruption: {concurrent: 10}
rings:
  - {name: test, match: {clusters: ["aks-test-*"]}, soak: 2d}
  - {name: prod, match: {clusters: ["*"]}}
"""


def test_the_second_pool_of_a_ring_waits_for_the_proof_of_its_canary() -> None:
    lab = fleet(RINGS)
    first, second = lab.add("aks-test-1"), lab.add("aks-test-2")
    lab.count()
    lab.look(first)
    assert lab.puts() == [200]
    lab.look(second)
    assert lab.waits(second) == "CanaryUnproven"
    lab.passes(HOUR)
    assert (lab.verdict(first), lab.verdict(second)) == (PROVEN, PROVEN)
    proven = next(record for record in lab.records(RecordKind.PROOF, first))
    assert begun(lab, second)[0] >= datetime.fromisoformat(proven.payload["at"])


def test_a_canary_that_fails_holds_its_ring_until_it_is_mended() -> None:
    lab = fleet(RINGS)
    first, second = lab.add("aks-test-1"), lab.add("aks-test-2")
    fails(lab)
    lab.count()
    lab.look(first, second, lasting=DAY)
    assert lab.outcomes(first) == ["accepted", "failed"]
    assert (lab.puts(second), lab.waits(second)) == ([], "CanaryUnproven")
    mend(lab, lab.world.cluster_by_id(first.arm_id).pools["np1"])
    lab.look(first, lasting=HOUR)
    lab.passes(HOUR)
    assert (lab.verdict(first), lab.verdict(second)) == (PROVEN, PROVEN)


def test_a_ring_that_is_about_other_clusters_now_has_a_canary_of_its_own() -> None:
    text = """mode: enforce
disruption: {concurrent: 10}
rules: [{name: held, match: {clusters: ["old-b"]}, mode: audit}]
rings: [{name: wave, match: {clusters: ["old-*"]}}]
"""
    lab = fleet(text)
    lab.look(lab.add("old-a"), lab.add("old-b"), lasting=HOUR)
    lab.count()
    lab.passes(HOUR)
    assert [canary.proven for canary in lab.budget.canaries.values()] == [True]
    lab.policies.rules = ruled(text.replace("old-*", "new-*"))
    first, *others = [lab.add(f"new-{number}") for number in range(3)]
    lab.look(first, *others, lasting=3 * HOUR)
    proven = next(record for record in lab.records(RecordKind.PROOF, first))
    assert [lab.verdict(each) for each in (first, *others)] == [PROVEN] * 3
    assert all(begun(lab, each)[0] >= datetime.fromisoformat(proven.payload["at"]) for each in others)


_ALL = '{name: prod, match: {clusters: ["old-*"]}, concurrent: 1}'
_HALF, _OTHER = '{name: half, match: {clusters: ["old-a"]}}', '{name: other, match: {clusters: ["old-b"]}}'
_NEW = '{name: new, match: {clusters: ["new"]}}'


def _ringed(*rings: str) -> Rulebook:
    return ruled(f"mode: enforce\ndisruption: {{concurrent: 10}}\nrings: [{', '.join(rings)}]\n")


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([_ALL], [_ALL.replace("prod", "production")]),
        ([_ALL], [_ALL.replace("old-*", "old-?")]),
        ([_ALL], [_NEW, _ALL]),
        ([_HALF, _OTHER], [_ALL]),
        ([_HALF], [_ALL]),
    ],
    ids=["renamed", "edited", "behind a new one", "merged", "wider"],
)
def test_rings_that_change_forget_neither_what_runs_nor_what_has_failed(
    before: list[str], after: list[str], *, failing: bool
) -> None:
    """`old-a` is under way, or has failed: until it is proven `old-b` waits, in whatever ring they are by now."""
    lab = Fleet()
    lab.policies.rules = _ringed(*before)
    first, second = lab.add("old-a"), lab.add("old-b")
    if failing:
        fails(lab)
    lab.look(first, lasting=2 * HOUR if failing else timedelta(0))
    assert lab.puts(first) == [200]
    lab.policies.rules = _ringed(*after)
    lab.count()
    lab.look(second)
    assert lab.puts(second) == []
    for _ in range(3):
        lab.count()
        lab.look(first, second, lasting=HOUR)
    if failing:
        assert lab.puts(second) == []
    else:
        proven = next(record for record in lab.records(RecordKind.PROOF, first))
        assert begun(lab, second)[0] >= datetime.fromisoformat(proven.payload["at"])


@pytest.mark.parametrize("match", ['clusters: ["dev-*"]', "tags: {env: dev}"], ids=["names", "tags"])
def test_a_canary_of_before_that_cannot_be_read_holds_the_rings_it_may_be_in_until_it_is_left_out(match: str) -> None:
    def ringed(prod: str, excluded: str = "") -> str:
        rings = f"{{name: dev, match: {{{match}}}}}, {{name: prod, match: {{clusters: {prod}}}}}"
        exclude = f'scope: {{exclude: [{{clusters: ["{excluded}"]}}]}}\n' if excluded else ""
        return f"mode: enforce\ndisruption: {{concurrent: 10}}\n{exclude}rings: [{rings}]\n"

    lab = fleet(ringed('["old-*"]'))
    lab.count()
    lab.passes(HOUR)
    lab.count()
    lost = lab.add("old-a")
    fails(lab)
    lab.look(lost, lasting=2 * HOUR)
    denied = Answer(403, "AuthorizationFailed", "no", gateway=True)
    lab.world.faults.add(Fault(denied, method="GET", resource="old-a", kind="managedClusters", times=None))
    lab.policies.rules = ruled(ringed('["old-*", "new-*"]'))
    dev = lab.add("dev-b", tags={"env": "dev"})
    prod = lab.add("new-b", tags={"env": "prod"})
    lab.count()
    lab.look(lost, dev, prod, lasting=HOUR)
    assert lab.puts(dev) == ([] if "tags" in match else [200])
    lab.days(0.25)
    assert (lab.puts(prod), lab.waits(prod)[:6]) == ([], "Canary" if "clusters" in match else "RingCl")
    lab.policies.rules = ruled(ringed('["old-*", "new-*"]', excluded="old-a"))
    lab.days(0.25)
    assert [lab.verdict(one) for one in (dev, prod)] == [PROVEN, PROVEN]


def test_a_canary_that_is_deleted_leaves_its_ring_to_the_next_one() -> None:
    lab = fleet(RINGS)
    first, second = lab.add("aks-test-1"), lab.add("aks-test-2")
    fails(lab)
    lab.count()
    lab.look(first, second, lasting=HOUR)
    assert lab.puts(second) == []
    with lab.world.entered():
        lab.world.remove_cluster(lab.world.cluster_by_id(first.arm_id))
    lab.days(0.25)
    assert lab.verdict(second) == PROVEN


def test_the_next_ring_waits_for_the_count_of_the_resync_and_for_the_soak() -> None:
    lab = fleet(RINGS)
    test = lab.add("aks-test-1")
    lab.look(CLUSTER, test, lasting=HOUR)
    assert lab.verdict(test) == PROVEN
    assert (lab.puts(CLUSTER), lab.waits()) == ([], "RingClosed"), "nobody has counted the ring before it"
    lab.days(1.5)
    assert (lab.puts(CLUSTER), lab.waits()) == ([], "RingSoaking")
    counted = lab.budget.counts
    assert counted is not None
    assert counted.rings["test"].clean_since is not None
    lab.days(1)
    assert lab.verdict() == PROVEN
    assert begun(lab)[0] - counted.rings["test"].clean_since >= 2 * DAY


def test_a_look_that_sees_the_ring_before_fail_begins_nothing_in_the_next_one() -> None:
    """One cluster has pools of both rings: what the look sees closes the ring before it plans."""
    lab = fleet(_RINGS_BY_POOL)
    lab.look(lasting=HOUR)
    for _ in range(5):
        lab.count()
        lab.passes(HOUR)
    assert lab.verdict() == PROVEN
    with lab.world.entered():
        lab.pool.provisioning_state = "Failed"
    lab.add_pool(CLUSTER, "prod1")
    lab.event(CLUSTER)
    lab.passes(timedelta(minutes=1))
    assert lab.puts(CLUSTER, "prod1") == []
    assert lab.waits(CLUSTER, "prod1") == "RingClosed"


def test_exemptions_that_change_close_a_ring_until_it_is_counted_with_them() -> None:
    lab = fleet(_RINGS_BY_POOL)
    lab.look(lasting=HOUR)
    for _ in range(5):
        lab.count()
        lab.passes(HOUR)
    lab.policies.rules = replace(ruled(_RINGS_BY_POOL), exemptions=Exemptions((), hash="other"))
    lab.add_pool(CLUSTER, "prod1")
    lab.event(CLUSTER)
    lab.passes(timedelta(minutes=1))
    assert lab.waits(CLUSTER, "prod1") == "RingClosed"


def test_an_exemption_that_ends_keeps_the_next_ring_closed_before_anybody_has_looked_at_its_pool() -> None:
    """The look at the end of the exemption is late, and another cluster's comes first."""
    text = f"""mode: enforce
disruption: {{concurrent: 10}}
rings:
  - {{name: dev, match: {{clusters: [{CLUSTER.name}]}}}}
  - {{name: prod}}
"""
    lab = fleet(text)
    excused = exemption(created=EPOCH - DAY, expires=EPOCH + 3 * HOUR)
    excused = replace(excused, match=replace(excused.match, clusters=(CLUSTER.name,)))
    lab.policies.rules = replace(ruled(text), exemptions=Exemptions((excused,), hash="e1"))
    lab.look(lasting=2 * HOUR)
    assert lab.verdict() == "exempt: FipsDisabled"
    lab.count()
    lab.queue.messages.clear()
    prod, late = lab.add("aks-prod"), lab.add("aks-late")
    lab.look(prod, lasting=HOUR / 2)
    assert lab.verdict(prod) == PROVEN
    lab.clock.advance(excused.expires - lab.clock.now())
    lab.look(late)
    assert (lab.puts(late), lab.waits(late)) == ([], "RingClosed")


def test_what_aks_does_to_a_pool_closes_its_ring_and_lets_it_soak_on() -> None:
    lab = fleet(_RINGS_BY_POOL)
    lab.look(lasting=HOUR)
    lab.count()
    before = lab.budget.counts
    assert before
    with lab.world.entered():
        lab.pool.provisioning_state = "UpgradingNodeImageVersion"
    lab.look()
    assert lab.verdict() == "unknown: OperationInProgress"
    assert "dev" in lab.budget.unsettled
    with lab.world.entered():
        lab.pool.provisioning_state = "Succeeded"
    lab.look(lasting=HOUR)
    lab.count()
    after = lab.budget.counts
    assert after
    assert before.rings["dev"].clean_since
    assert after.rings["dev"].clean_since == before.rings["dev"].clean_since
    assert "dev" not in lab.budget.unsettled


def test_a_pool_that_turns_bad_in_the_soak_closes_the_ring_and_begins_it_anew() -> None:
    lab = fleet(RINGS)
    test = lab.add("aks-test-1")
    lab.look(CLUSTER, test, lasting=HOUR)
    lab.days(1.5)
    assert lab.waits() == "RingSoaking"
    fails(lab)
    late = lab.add_pool(test, "late")
    lab.days(0.25)
    lab.look()
    assert (lab.outcomes(test)[-1], lab.waits()) == ("failed", "RingClosed")
    mend(lab, late)
    lab.days(1.5)
    assert lab.verdict(test, "late") == PROVEN
    assert (lab.puts(CLUSTER), lab.waits()) == ([], "RingSoaking"), "the soak began anew"
    lab.days(1.5)
    assert lab.verdict() == PROVEN


@pytest.mark.parametrize("change", ["", "# a new text, whose rings nobody has counted\n"])
def test_a_ring_that_nobody_has_counted_lately_or_under_this_policy_keeps_the_next_one_closed(change: str) -> None:
    text = RINGS.replace("soak: 2d", "soak: 0s")
    lab = fleet(text)
    test = lab.add("aks-test-1")
    lab.look(test, lasting=HOUR)
    lab.count()
    lab.passes(timedelta(minutes=1) if change else 4 * HOUR)
    lab.policies.rules = ruled(text + change)
    late = lab.add("aks-late")
    lab.look(late, lasting=HOUR)
    assert (lab.puts(late), lab.waits(late)) == ([], "RingClosed")
    lab.days(0.25)
    assert lab.verdict(late) == PROVEN


# Breaker and limits


def test_the_breaker_opens_after_failures_and_stops_everything_until_a_person_resets_it() -> None:
    lab = fleet("mode: enforce\ndisruption: {concurrent: 10, breaker: {failures: 50%, within: 1d, least: 3}}\n")
    broken = [lab.add(f"aks-{number}") for number in range(3)]
    fails(lab, times=3)
    lab.look(*broken, lasting=HOUR)
    assert [lab.outcomes(each) for each in broken] == [["accepted", "failed"]] * 3
    assert "3 of the last 3" in lab.budget.broken
    lab.look(lasting=DAY)
    lab.days(2)
    assert (lab.puts(CLUSTER), lab.waits()) == ([], "BreakerOpen"), "it does not close by itself"
    reset_breaker(lab.rollout, "ana", "mended", lab.clock.now())
    lab.look(lasting=HOUR)
    assert lab.verdict() == PROVEN


def test_a_breaker_that_is_tightened_is_heard_before_anything_more_begins() -> None:
    text = "mode: enforce\ndisruption: {{concurrent: 1, breaker: {{failures: 50%, least: {least}}}}}\n"
    lab = fleet(text.format(least=10))
    broken = [lab.add(f"aks-{number}") for number in range(3)]
    fails(lab, times=3)
    for each in broken:
        lab.look(each, lasting=HOUR)
    assert not lab.budget.broken
    lab.policies.rules = ruled(text.format(least=3))
    lab.look(CLUSTER, lasting=HOUR)
    assert (lab.puts(CLUSTER), lab.waits()) == ([], "BreakerOpen")
    assert lab.told("BreakerOpen") == 1
    lab.policies.rules = ruled(text.format(least=10))
    lab.look(CLUSTER, lasting=HOUR)
    assert (lab.puts(CLUSTER), lab.waits()) == ([], "BreakerOpen"), "it stays open until somebody resets it"


def test_a_resync_opens_a_breaker_that_was_tightened() -> None:
    text = "mode: enforce\ndisruption: {{concurrent: 1, breaker: {{failures: 50%, least: {least}}}}}\n"
    lab = fleet(text.format(least=2))
    fails(lab)
    lab.look(lasting=HOUR)
    lab.policies.rules = ruled(text.format(least=1))
    lab.count()
    assert "1 of the last 1" in lab.budget.broken


@pytest.mark.parametrize("before_the_end", [3, 5, 8])
def test_what_failed_while_a_look_lasts_holds_its_put_back(before_the_end: int) -> None:
    def failed_elsewhere(lab: Fleet) -> None:
        ends = tuple(Ended(f"i{number}", lab.clock.now(), failed=True) for number in range(3))
        change(lab.rollout, lambda budget: replace(budget, ended=ends))

    lab = while_it_looks(lambda: fleet("mode: enforce\n"), before_the_end, failed_elsewhere)
    lab.look(lasting=HOUR)

    assert (lab.puts(), lab.waits()) == ([], "BreakerOpen")


def test_no_more_are_remediated_at_once_than_the_policy_allows() -> None:
    lab = fleet("mode: enforce\ndisruption: {concurrent: 2, spacing: 30s}\n")
    clusters = [CLUSTER, *(lab.add(f"aks-{number}") for number in range(5))]
    for cluster in clusters:
        lab.event(cluster)
    running: list[int] = []
    for _ in range(40):
        lab.passes(timedelta(minutes=1))
        running.append(len(lab.budget.places))
    assert max(running) == 2
    assert {lab.verdict(each) for each in clusters} == {PROVEN}
    times = sorted(at for each in clusters for at in begun(lab, each))
    assert all(later - earlier >= timedelta(seconds=30) for earlier, later in pairwise(times))


def test_a_limit_of_nodes_lets_a_pool_that_is_too_large_wait_for_ever() -> None:
    lab = fleet("mode: enforce\ndisruption: {concurrent: 10, nodes: 3}\n")
    large = lab.add("aks-large", count=4)
    lab.look(CLUSTER, large, lasting=4 * HOUR)
    assert lab.verdict() == PROVEN
    assert (lab.puts(large), lab.waits(large)) == ([], "TooManyNodes")


# New pools

_SKIPPING = """mode: enforce
windows: [{days: [Tuesday], start: "02:00", length: 2h, zone: Europe/Berlin}]
new_pools: {skip: [window]}
"""


def watched(text: str = _SKIPPING) -> Fleet:
    """A fleet whose first cluster has been seen, and is at rest."""
    made = fleet(text)
    with made.world.entered():
        made.pool.properties["enableFIPS"] = True
        made.pool.image, made.pool.nodes = made.pool.target_image(), None
    made.look(lasting=HOUR)
    assert made.verdict() == PROVEN
    return made


def test_a_pool_made_since_the_last_look_at_rest_is_new_and_need_not_wait_for_the_window() -> None:
    lab = watched()
    lab.days(0.5)
    lab.add_pool(CLUSTER, "np2")
    lab.look(lasting=HOUR)
    assert lab.verdict(pool="np2") == PROVEN


def test_a_pool_of_which_no_look_saw_that_it_was_not_there_is_not_known_to_be_new() -> None:
    """While nobody could read the cluster the pool may have been made, and filled, days ago."""
    lab = watched()
    lab.world.faults.add(
        Fault(Answer(403, "AuthorizationFailed", "no"), method="GET", kind="managedClusters", times=None)
    )
    lab.add_pool(CLUSTER, "np2")
    lab.days(2.5)
    assert lab.verdict() == "unknown: Forbidden"
    lab.world.faults.clear()
    lab.look(lasting=HOUR)
    assert lab.waits(pool="np2") == "OutsideWindow"
    assert lab.puts() == []


def test_a_pool_that_an_old_look_did_not_see_is_not_new_any_more() -> None:
    lab = watched(_SKIPPING.replace("skip:", "within: 2h, skip:"))
    lab.days(0.25)
    lab.add_pool(CLUSTER, "np2")
    lab.look(lasting=HOUR)
    assert lab.waits(pool="np2") == "OutsideWindow"
