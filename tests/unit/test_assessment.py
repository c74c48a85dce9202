"""What the fleet is called by its records: nothing unread, unproven, changed or missing is ever called compliant."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest

from shared.domain.assessed import PoolAssessed
from shared.domain.assessment import Assessment
from shared.domain.bodies import Intent, Outcome, Part, ReplacementPart
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.codec import canonical, plain
from shared.domain.fleet_assessment import Asked
from shared.domain.model import ComplianceState, Mode, Unreadable
from shared.domain.modules import Standing, Status
from shared.domain.operation import OutcomeState
from shared.domain.pack import Scope
from shared.domain.planned import ActionKind, Deferral, Method
from shared.domain.records import FLEET, MANIFESTS, Head, RecordKind, read_record
from shared.domain.standing import Reason, standings
from shared.domain.verdicts import Aspect, Judgement, PoolVerdict
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports.formats import FORMATS
from shared.reports.words import limits
from tests.builders import NOW
from tests.evidence import assert_sound
from tests.recorded import (
    DAY,
    EXCUSED,
    HOSTILE,
    LAB,
    LYING,
    MEDIA,
    OFF,
    OLD,
    ON,
    ORIGIN,
    PAY,
    PROVEN,
    UNREAD,
    Recorded,
    judgement,
    modules,
    observation,
    read_of,
    recorded,
    since_a_manifest,
    verdict,
)
from tests.stored import key_name, said

S = ComplianceState
LATER = NOW + timedelta(hours=1)
NOTHING_SETTLED = judgement("flag", S.NOT_APPLICABLE, "FlagSettlesNothing")


def assessed(archive: Recorded, **asked: object) -> Assessment:
    """The assessment of what is stored, an hour later."""
    wanted = replace(Asked(LATER, heads=archive.heads), **asked)  # type: ignore[arg-type]
    return assess(archive, wanted)


def one(found: Assessment, name: object) -> ClusterAssessed:
    return next(each for each in found.clusters if each.cluster == name)


def pool(found: Assessment, name: str) -> PoolAssessed:
    return next(each for _, each in found.pools() if each.name == name)


def proven() -> Recorded:
    """One cluster whose one pool is on and proven."""
    made = Recorded()
    made.at = NOW - DAY
    made.texts()
    made.prove(PAY, "apps", NOW - DAY)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    return made


def test_every_pool_has_the_state_of_its_last_verdict() -> None:
    found = assessed(recorded())

    assert {each.name: each.state.value for _, each in found.pools()} == {
        "apps": "compliant",
        "legacy": "exempt",
        "batch": "inconsistent",
        "jobs": "non_compliant",
        "encoder": "unknown",
    }
    assert found.faults == ()


def test_the_control_planes_word_and_the_nodes_stay_apart() -> None:
    batch = pool(assessed(recorded()), "batch")

    assert batch.implementation is not None
    assert batch.implementation.enabled is True
    assert batch.aspect_state(Aspect.IMPLEMENTATION) is S.COMPLIANT
    assert batch.aspect_state(Aspect.EFFECTIVENESS) is S.INCONSISTENT
    assert batch.proof is not None
    assert batch.proof.proof.disagreeing == ("aks-batch-1",)
    assert batch.proof.tested


def test_a_proof_ends_when_the_policy_says_so() -> None:
    found = pool(assessed(recorded()), "apps").proof

    assert found is not None
    assert found.expires == NOW + 2 * DAY


@pytest.mark.parametrize(("late", "state"), [(timedelta(), S.COMPLIANT), (timedelta(hours=2), S.UNKNOWN)])
def test_a_pool_whose_proof_has_ended_is_unknown(late: timedelta, state: ComplianceState) -> None:
    made = proven()
    made.at = NOW + 2 * DAY
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made, now=NOW + 2 * DAY + late)

    assert pool(found, "apps").state is state
    assert one(found, PAY).state is state
    assert (pool(found, "apps").decisive.reason == "ProofExpired") == (state is S.UNKNOWN)
    assert [each.judgement.reason for each in found.open()] == (["ProofExpired"] if state is S.UNKNOWN else [])


def untexted(taken: datetime, *, max_age: timedelta | None, now: datetime = NOW) -> Recorded:
    """One pool that was on and proven, by records without the policy's text."""
    made = Recorded()
    made.at = now
    made.prove(PAY, "apps", taken)
    seen = verdict("apps", ON, PROVEN, asked=taken, max_age=max_age)
    made.see(PAY, observation(read_of(PAY, "apps"), [seen]))
    made.anchor(now, unreadSubscriptions=0, unseen=0)
    return made


@pytest.mark.parametrize(("days", "state"), [(2, S.COMPLIANT), (4, S.UNKNOWN), (400, S.UNKNOWN)])
def test_where_nothing_says_how_old_a_proof_may_be_it_is_the_default_and_monitoring_is_not_met(
    days: int, state: ComplianceState
) -> None:
    found = assessed(untexted(NOW - days * DAY, max_age=None))

    assert pool(found, "apps").state is state
    assert [why.split(":")[0] for _, why in found.unread()] == [
        f"no record holds the policy {ORIGIN.policy[:12]} that it was judged by",
        "how old its nodes' proofs may be is not known",
    ]
    assert standing(found, "ca-7_smt.c", "monitoring") is Reason.OTHER or state is S.UNKNOWN


@pytest.mark.parametrize(("max_age", "state"), [(30 * DAY, S.COMPLIANT), (1 * DAY, S.UNKNOWN)])
def test_a_proof_ends_by_the_age_that_the_verdict_was_judged_by(max_age: timedelta, state: ComplianceState) -> None:
    found = assessed(untexted(NOW - 9 * DAY, max_age=max_age))

    assert pool(found, "apps").state is state
    assert [why.split(":")[0] for _, why in found.unread()] == [
        f"no record holds the policy {ORIGIN.policy[:12]} that it was judged by"
    ]


def test_a_verdict_that_says_proven_and_of_no_time_is_unknown() -> None:
    made = Recorded()
    made.at = NOW
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN, asked=None)]))

    assert pool(assessed(made), "apps").decisive.reason == "ProofExpired"


def test_a_cluster_of_which_nothing_was_heard_for_longer_than_a_day_is_unknown() -> None:
    made = Recorded()
    made.at = NOW
    made.see(PAY, observation(read_of(PAY, "apps", "jobs"), [verdict("apps", ON), verdict("jobs", OFF)]))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    soon, late = assessed(made, now=NOW + timedelta(hours=25)), assessed(made, now=NOW + timedelta(hours=27))

    assert [each.state for _, each in soon.pools()] == [S.COMPLIANT, S.NON_COMPLIANT]
    assert [each.state for _, each in late.pools()] == [S.UNKNOWN, S.NON_COMPLIANT]
    assert pool(late, "apps").decisive.reason == "NotRenewed"
    assert ["nobody has written a manifest since" in why for _, why in late.unread()] == [False, True, False]
    assert standing(late, "cm-6_smt.c", "deviations") is not Reason.MET


@pytest.mark.parametrize("ahead", [timedelta(), 900 * DAY])
def test_a_manifest_of_each_day_shows_that_the_app_still_looks_and_one_from_the_future_does_not(
    ahead: timedelta,
) -> None:
    made = Recorded()
    made.at = NOW
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON)]))
    made.at = NOW + 20 * DAY + ahead
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made, now=NOW + 20 * DAY + timedelta(hours=1))

    assert pool(found, "apps").state is (S.UNKNOWN if ahead else S.COMPLIANT)


@pytest.mark.parametrize(("days", "state"), [(31, S.EXEMPT), (33, S.UNKNOWN)])
@pytest.mark.parametrize("recorded_end", [True, False])
def test_an_exemption_that_has_ended_excuses_nothing(days: int, state: ComplianceState, *, recorded_end: bool) -> None:
    made = Recorded()
    made.texts()
    ends = datetime(2026, 12, 25, tzinfo=UTC)
    excused = replace(EXCUSED, exemption="legacy", exempt_until=ends) if recorded_end else EXCUSED
    made.see(PAY, observation(read_of(PAY, "legacy"), [verdict("legacy", excused)]))
    made.at = NOW + days * DAY
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made, now=made.at)

    assert pool(found, "legacy").state is state
    assert one(found, PAY).state is state
    assert {each.judgement.state for each in found.open()} == {state}
    assert (standing(found, "cm-6_smt.c", "deviations") is Reason.MET) == (state is S.EXEMPT)


def test_an_exemption_of_which_nothing_says_when_it_ends_excuses_nothing() -> None:
    made = Recorded()
    made.see(PAY, observation(read_of(PAY, "legacy"), [verdict("legacy", EXCUSED)]))

    assert pool(assessed(made), "legacy").decisive.reason == "ExemptionEnded"


def test_a_proof_that_was_renewed_since_counts() -> None:
    made = proven()
    made.prove(PAY, "apps", NOW)

    assert pool(assessed(made), "apps").ends == NOW + 3 * DAY


def replaced(made: Recorded, *parts: Part) -> None:
    """A replacement of a pool by its twin, as far as its parts go."""
    made.attempt(PAY, "apps", OutcomeState.SUCCEEDED, method=Method.CREATE, target="oldfips")
    for part in parts:
        said = ReplacementPart("i2", "apps", "oldfips", part, cordon=("node-1",), evict=("shop/web",))
        made.add(PAY, RecordKind.REPLACEMENT, {**plain(ORIGIN), **plain(said)})


def test_a_replacement_goes_on_until_its_end_and_tells_its_parts() -> None:
    made = Recorded()
    made.texts()
    made.at = NOW
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", OFF)]))
    replaced(made, Part.DRAINS, Part.DRAINED)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", replace(OFF, reason="Other"))]))
    (attempt,) = one(assessed(made), PAY).attempts

    assert (attempt.what, attempt.ended) == ("enable FIPS: create the twin oldfips", False)
    assert [step.outcome.value for step in attempt.steps] == ["succeeded", "drains", "drained"]
    assert "to be cordoned: node-1; to be evicted: shop/web" in attempt.steps[1].message
    assert one(assessed(made), PAY).changes[-1].remediating

    made.attempt(PAY, "apps", OutcomeState.SUCCEEDED, method=Method.DELETE, target="apps")
    made.add(
        PAY,
        RecordKind.REPLACEMENT,
        {**plain(ORIGIN), **plain(ReplacementPart("i2", "apps", "oldfips", Part.ENDED))},
    )
    made.see(PAY, observation(read_of(PAY, "oldfips"), [verdict("oldfips", ON, PROVEN)]))
    found = one(assessed(made), PAY)

    assert [(each.what, each.ended) for each in found.attempts] == [
        ("enable FIPS: create the twin oldfips", True),
        ("enable FIPS: delete apps, which oldfips replaces", True),
    ]
    assert found.changes[-1].why == "The app has replaced the node pool by oldfips."


def test_whose_signature_is_forged_is_not_called_signed() -> None:
    made = proven()
    name = made.anchor(NOW, sign=True, unreadSubscriptions=0, unseen=0)
    good = assessed(made)
    made.put(MANIFESTS, 1, {**said(made.files[name]), "signature": "A" * 342})
    found = assessed(made)

    assert good.manifest
    assert (good.manifest.key, good.faults) == (key_name(), ())
    assert found.manifest
    assert found.manifest.key == ""
    assert ["has a signature that is not its own" in fault for fault in found.faults] == [True]
    assert standing(found, "ca-7_smt.c", "monitoring") is Reason.FAIL


def test_a_manifest_that_is_not_signed_behind_one_that_is_is_a_fault() -> None:
    made = proven()
    made.anchor(NOW, sign=True, unreadSubscriptions=0, unseen=0)
    made.anchor(NOW, sign=False, unreadSubscriptions=0, unseen=0)

    assert ["is not signed, though one before it is" in fault for fault in assessed(made).faults] == [True]


@pytest.mark.parametrize("manifest", [False, True])
def test_where_nobody_knows_which_clusters_there_are_no_control_is_met(manifest: bool) -> None:
    made = proven()
    if manifest:
        heads = {path: plain(head) for path, head in made.heads.items()}
        made.add(MANIFESTS, RecordKind.MANIFEST, {"date": made.at.date().isoformat(), "chains": heads})
    found = assessed(made)

    ((what, why),) = found.unread()
    assert (found.coverage, what) == (None, "the fleet")
    assert why.startswith("which clusters and subscriptions there are is not known: no ")
    assert {each.reason for each in standings(found)} == {Reason.OTHER}
    assert all(why in unescape("".join(FORMATS[form](found))) for form in FORMATS)


def test_a_report_of_one_cluster_does_not_ask_which_others_there_are() -> None:
    found = assessed(proven(), scope=Scope(PAY.path))

    assert list(found.unread()) == []
    assert standing(found, "sc-13_smt.b", "enabled") is Reason.MET


def test_a_rule_is_the_one_that_the_verdict_names_whatever_is_left_of_the_tags_that_it_matches() -> None:
    policy = """\
version: 1
mode: enforce
proof: { level: kernel, max_age: 30d, image: mcr.example.com/busybox:1 }
rules:
  - name: strict
    mode: audit
    match: { tags: { contact: "*@bank.example.com" } }
    proof: { max_age: 1d }
"""
    made = Recorded()
    made.at = NOW - 9 * DAY
    made.texts(policy)
    made.prove(PAY, "apps", NOW - 9 * DAY)
    strict = replace(verdict("apps", ON, PROVEN, max_age=None), rule="strict", line=5)
    made.see(PAY, observation(replace(read_of(PAY, "apps"), tags={"contact": "(mail address)"}), [strict]))

    assert pool(assessed(made), "apps").decisive.reason == "ProofExpired"

    made.see(PAY, observation(read_of(PAY, "apps"), [replace(strict, rule="another")]))
    (why,) = assessed(made).texts_unread
    assert why.endswith("names the rule another, which its policy has not: who answers for apps is not known")


def test_an_exemption_that_is_not_among_the_texts_is_told() -> None:
    made = Recorded()
    made.texts()
    excused = replace(OFF, state=S.EXEMPT, exemption="forgotten", exempt_until=NOW + 9 * DAY)
    made.see(PAY, observation(read_of(PAY, "other"), [verdict("other", excused)]))
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made)

    assert pool(found, "other").state is S.EXEMPT
    assert list(found.unread()) == [
        (str(PAY), "which exemption excuses other, and who answers for that, is not known"),
    ]


def test_a_record_that_names_no_policy_is_told() -> None:
    made = proven()
    seen = observation(read_of(PAY, "apps"), [verdict("apps", ON)])
    made.add(PAY, RecordKind.OBSERVATION, {**plain(ORIGIN), "policy": "", **plain(seen)})
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)

    assert [why for _, why in assessed(made).unread()] == [
        "no record holds a record of the policy: owners, ends and due dates are not taken from it"
    ]


def test_a_proof_that_the_verdict_does_not_go_by_is_not_shown() -> None:
    made = proven()
    missing = replace(PROVEN, state=S.UNKNOWN, reason="ProofMissing")
    seen = observation(read_of(PAY, "apps"), [verdict("apps", ON, missing, asked=None)])
    made.add(PAY, RecordKind.OBSERVATION, {**plain(ORIGIN), **plain(seen)})
    assert pool(assessed(made), "apps").proof is None

    made.prove(PAY, "apps", NOW)
    assert pool(assessed(made), "apps").proof is not None


def test_what_was_known_of_a_pool_that_is_gone_is_not_said_of_the_next_one_of_its_name() -> None:
    made = proven()
    made.see(PAY, observation(read_of(PAY, "other"), [verdict("other", ON)]))
    made.see(PAY, observation(Unreadable("Unreachable", "", None), [verdict("apps", UNREAD, read=False)], UNREAD))
    apps = pool(assessed(made), "apps")

    assert (apps.implementation, apps.proof) == (None, None)


@pytest.mark.parametrize("findings", [(), (OFF,)])
def test_a_state_that_no_finding_has_is_a_fault_and_every_report_is_written(
    findings: tuple[Judgement, ...],
) -> None:
    made = proven()
    odd = replace(verdict("apps", ON), findings=findings)
    made.see(PAY, observation(read_of(PAY, "apps"), [odd]))
    found = assessed(made)

    assert one(found, PAY).faults == (f"{record_name(PAY.path, 3)} calls apps compliant, and its findings do not",)
    for report in FORMATS.values():
        assert "".join(report(found))


def test_a_proof_of_the_end_of_all_days_ends_with_them() -> None:
    made = proven()
    made.prove(PAY, "apps", datetime(9999, 12, 31, 23, tzinfo=UTC))
    found = assessed(made)

    for report in FORMATS.values():
        "".join(report(found))
    assert pool(found, "apps").proof is not None


def test_a_cluster_that_can_not_be_read_keeps_what_was_read_last_and_is_unknown() -> None:
    found = assessed(recorded())
    encoder = pool(found, "encoder")

    assert encoder.state is S.UNKNOWN
    assert encoder.implementation is not None
    assert encoder.read is not None
    assert encoder.read.name == record_name(MEDIA.path, 1)
    assert encoder.source.name == record_name(MEDIA.path, 2)
    assert encoder.aspect_state(Aspect.IMPLEMENTATION) is encoder.aspect_state(Aspect.EFFECTIVENESS) is S.UNKNOWN
    assert list(found.unread()) == [(str(MEDIA), "Unreachable: ARM did not answer.")]


def test_what_is_unknown_with_its_cluster_is_one_open_finding() -> None:
    found = [(str(each.cluster.cluster), each.pool) for each in assessed(recorded()).open() if each.pool is None]

    assert found == [(str(MEDIA), None)]


@pytest.mark.parametrize("cluster", [LAB, OLD])
def test_a_cluster_that_is_excluded_or_gone_has_no_state_and_is_told(cluster: object) -> None:
    found = assessed(recorded())

    assert not one(found, cluster).judged
    assert one(found, cluster).observed is not None
    assert cluster not in [each.cluster for each, _ in found.pools()]


def test_an_exemption_brings_its_owner_and_its_end() -> None:
    legacy = pool(assessed(recorded()), "legacy")

    assert legacy.owner == "=payments"
    assert legacy.due.at == datetime(2026, 12, 25, tzinfo=UTC)
    assert legacy.exemption is not None
    assert legacy.exemption.ticket == "RISK-17"


def test_an_owner_is_who_the_tag_names_and_a_due_date_when_the_plan_goes_on() -> None:
    jobs = pool(assessed(recorded()), "jobs")

    assert jobs.owner == HOSTILE
    assert jobs.due.at == NOW + 2 * DAY
    assert "WindowClosed" in jobs.due.basis


def test_a_text_that_can_not_be_read_is_told_and_nothing_is_taken_from_it() -> None:
    made = Recorded()
    made.texts(policy="version: 99\n", exemptions="exemptions: 7\n")
    made.see(PAY, observation(read_of(PAY, "legacy"), [verdict("legacy", OFF)]))
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made)

    assert pool(found, "legacy").exemption is None
    assert [what for what, _ in found.unread()] == ["the fleet's records"]
    assert "owners, ends and due dates are not taken from that text" in found.texts_unread[0]


def test_a_changed_last_record_makes_its_cluster_unknown() -> None:
    made = proven()
    name = record_name(PAY.path, 2)
    made.files[name] = canonical(said(made.files[name]) | {"cause": "resync"})
    found = assessed(made)

    assert one(found, PAY).state is S.UNKNOWN
    assert one(found, PAY).pools == ()
    assert [fault.split()[0] for fault in one(found, PAY).faults] == [name]


def test_a_record_that_says_what_its_kind_can_not_say_makes_its_cluster_unknown() -> None:
    made = proven()
    made.add(PAY, RecordKind.OBSERVATION, {"posture": {"state": "compliant"}})
    found = one(assessed(made), PAY)

    assert (found.state, found.observed) == (S.UNKNOWN, None)
    assert "is no observation, by the schema" in found.faults[0]


def test_an_end_that_was_cut_off_makes_its_cluster_unknown() -> None:
    made = proven()
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", OFF)]))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    del made.files[record_name(PAY.path, 3)]
    found = one(assessed(made, heads={}), PAY)

    assert found.state is S.UNKNOWN
    assert "is missing; manifest 1 knows of record 3" in found.faults[0]


def test_what_comes_behind_a_fault_counts_again() -> None:
    made = proven()
    name = record_name(PAY.path, 1)
    made.files[name] = b"{}"
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    found = one(assessed(made), PAY)

    assert found.faults
    assert found.state is S.COMPLIANT


def test_a_chain_that_the_manifest_knows_and_that_is_not_there_is_a_fault() -> None:
    made = recorded()
    for name in [name for name in made.files if MEDIA.path in name]:
        del made.files[name]

    assert assessed(made).faults == (f"{MEDIA.path} is known to have 2 records, and none of them is there",)
    assert assessed(made, scope=Scope(PAY.path)).faults == ()


def test_a_file_that_is_no_record_is_told() -> None:
    made = recorded()
    made.files["evidence/stray.txt"] = b"x"

    made.files[f"evidence/{PAY.path}/notes.json"] = b"x"
    found = assessed(made)

    assert found.faults == ("evidence/ is the place of no chain: what lies there was added",)
    assert one(found, PAY).faults == (f"evidence/{PAY.path}/notes.json has a name that no record has",)
    assert one(found, PAY).state is S.INCONSISTENT


def test_one_cluster_can_be_asked_for() -> None:
    found = assessed(recorded(), scope=Scope(PAY.path))

    assert [each.cluster for each in found.clusters] == [PAY]


def test_a_part_of_a_chain_begins_behind_its_manifest_and_says_what_is_not_there() -> None:
    made = recorded()
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    for name in [name for name in made.files if name.startswith("evidence/1") and name != record_name(PAY.path, 8)]:
        del made.files[name]
    found = assessed(made, scope=Scope(after=1))

    assert found.faults == ()
    assert one(found, PAY).faults == ()
    assert (str(PAY), "records 1 to 7 are not in the pack") in list(found.unread())


def test_a_cluster_whose_records_all_lie_before_a_part_of_the_evidence_is_not_forgotten() -> None:
    found = assessed(since_a_manifest(), scope=Scope(after=1))

    assert found.faults == ()
    assert [(each.cluster, each.state) for each in found.clusters] == [(MEDIA, S.COMPLIANT), (PAY, S.UNKNOWN)]
    assert [why for what, why in found.unread() if what == str(PAY)] == [
        "record 1 is not in the pack",
        "no record of it says how it is",
    ]
    assert Reason.MET not in {each.reason for each in standings(found)}
    assert [each.cluster for each in assessed(since_a_manifest(), scope=Scope(MEDIA.path, 1)).clusters] == [MEDIA]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(after=1), "What clusters' records up to manifest 1 say is not in it."),
        (Scope(PAY.path, 1), f"This is of the cluster {PAY.path} alone; manifest 2 names 2 clusters."),
    ],
)
def test_every_format_says_which_part_of_the_evidence_it_is_of(form: str, scope: Scope, said: str) -> None:
    text = "".join(FORMATS[form](assessed(since_a_manifest(), scope=scope)))

    assert said in unescape(text)
    assert PAY.name in text
    assert all(said in each.summary for each in standings(assessed(since_a_manifest(), scope=scope)))
    assert said not in unescape("".join(FORMATS[form](assessed(since_a_manifest()))))


@pytest.mark.parametrize("heads", [True, False])
def test_a_chain_that_nobody_knows_is_told_and_leaves_no_control_met(*, heads: bool) -> None:
    made = proven()
    known = dict(made.heads) if heads else {}
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    made.prove(MEDIA, "apps", NOW)
    made.see(MEDIA, observation(read_of(MEDIA, "apps"), [verdict("apps", ON, PROVEN)]))
    found = assessed(made, heads=known)

    ((where, why),) = found.unread()
    assert (where, why.partition(":")[0]) == (str(MEDIA), "NotVouched")
    assert standing(found, "ca-7_smt.c", "monitoring") is Reason.OTHER
    (stranger,) = [one for one in found.clusters if one.cluster == MEDIA]
    assert [(pool.state, pool.decisive.reason) for pool in stranger.pools] == [(ComplianceState.UNKNOWN, "NotVouched")]


def test_a_part_that_begins_behind_a_manifest_that_is_not_there_is_a_fault() -> None:
    (fault,) = assessed(recorded(), scope=Scope(after=7)).faults

    assert fault.startswith("index.json begins behind manifest 7, which is not there")


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (
            {"unreadSubscriptions": 2, "unseen": 3},
            "2 subscriptions not read; 3 clusters and subscriptions never judged",
        ),
        (
            {"unreadSubscriptions": 1, "unseen": 1},
            "1 subscription not read; 1 cluster or subscription never judged",
        ),
        ({"unreadSubscriptions": None, "unseen": 0}, "nobody could ask which subscriptions there are; 0 clusters"),
        ({}, "no resync came"),
    ],
)
def test_what_nobody_has_judged_is_told_by_the_series(series: dict[str, Any], said: str) -> None:
    made = proven()
    made.anchor(NOW, **series)
    found = assessed(made)

    ((what, why),) = found.unread()
    assert (what, said in why) == ("the fleet", True)
    assert standing(found, "sc-13_smt.b", "enabled") is Reason.OTHER


@pytest.mark.parametrize(("data", "said"), [(None, "is missing"), (b"{}", "is changed")])
def test_a_line_of_the_series_that_is_not_as_the_manifest_says_is_a_fault(data: bytes | None, said: str) -> None:
    made = recorded()
    (name,) = made.names("snapshots/daily/")
    del made.files[name]
    made.files |= {name: data} if data else {}
    found = assessed(made)

    assert found.coverage is None
    assert found.faults == (f"{name} {said}: the last manifest names it",)
    assert assessed(made, scope=Scope(PAY.path)).faults == ()


def test_a_line_of_the_series_that_can_not_be_read_is_a_fault() -> None:
    made = proven()
    made.anchor(NOW, unseen="many")

    assert "can't be read: Coverage.unseen" in assessed(made).faults[0]


def test_every_record_of_these_tests_is_one_that_the_app_may_write() -> None:
    for name, data in recorded().files.items():
        if name.startswith("evidence/") and MANIFESTS not in name:
            assert_sound(read_record(data))


def test_the_period_bounds_changes_and_remediations_and_not_the_state() -> None:
    whole, lately = assessed(recorded()), assessed(recorded(), since=NOW - 2 * DAY)

    assert len(one(whole, PAY).attempts) == 1
    assert len(one(lately, PAY).attempts) == 0
    assert 0 < len(one(lately, PAY).changes) < len(one(whole, PAY).changes)
    assert lately.states() == whole.states()


def test_a_remediation_is_told_with_its_end_and_arms_correlation_id() -> None:
    (attempt,) = one(assessed(recorded()), PAY).attempts

    assert [step.outcome for step in attempt.steps] == [OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED]
    assert attempt.steps[-1].correlation == "corr-1"
    assert attempt.ended


def test_what_a_replacement_does_beside_arm_is_told_and_goes_on_until_it_ends() -> None:
    made = proven()
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", OFF)]))
    meant = Intent(
        *("apps", ActionKind.REPLACE, "etag", {}, "i-twin", {}, {}),
        *("production", 7, Mode.ENFORCE, "westeurope", Method.CREATE, "appsf"),
    )
    made.add(PAY, RecordKind.INTENT, {**plain(ORIGIN), **plain(meant)}, "i-twin")
    taken = Outcome("apps", ActionKind.REPLACE, "i-twin", made.heads[PAY.path].seq, OutcomeState.SUCCEEDED, "")
    made.add(PAY, RecordKind.OUTCOME, {**plain(ORIGIN), **plain(taken)})
    part = ReplacementPart("i-twin", "apps", "appsf", Part.DRAINED, cordoned=("n1",), evicted=("shop/web-1",))
    made.add(PAY, RecordKind.REPLACEMENT, {**plain(ORIGIN), **plain(part)})
    found = assessed(made)

    assert [one.ended for one in one(found, PAY).attempts] == [False]
    assert [change.remediating for change in one(found, PAY).changes] == [False, True, True, True]
    for name, writer in FORMATS.items():
        text = "".join(writer(found))
        assert "appsf" in text, name
        assert "shop/web-1" in text, name
        assert "n1" in text, name
    assert '"remediating"' in "".join(FORMATS["oscal"](found))

    made.add(PAY, RecordKind.REPLACEMENT, {**plain(ORIGIN), **plain(replace(part, stage=Part.ENDED))})
    assert one(assessed(made), PAY).attempts[0].ended


def test_a_pool_that_was_replaced_reads_as_replaced_in_every_format() -> None:
    made = proven()
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", OFF)]))
    made.attempt(PAY, "apps", OutcomeState.SUCCEEDED, method=Method.CREATE, target="appsf")
    made.attempt(PAY, "apps", OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED, method=Method.DELETE, target="apps")
    part = ReplacementPart("i3", "apps", "appsf", Part.ENDED, message="apps is gone.")
    made.add(PAY, RecordKind.REPLACEMENT, {**plain(ORIGIN), **plain(part)})
    made.see(PAY, observation(read_of(PAY, "appsf"), [verdict("appsf", ON, PROVEN)]))
    found = assessed(made)

    for name in ("html", "csv", "poam", "oscal"):
        assert "apps is replaced by appsf." in "".join(FORMATS[name](found)), name
    for name in ("ocsf", "json"):
        assert "The app has replaced the node pool by appsf." in "".join(FORMATS[name](found)), name


def test_a_remediation_that_aks_took_has_not_ended() -> None:
    made = proven()
    made.attempt(PAY, "apps", OutcomeState.ACCEPTED)
    (attempt,) = one(assessed(made), PAY).attempts

    assert not attempt.ended


def test_the_heads_are_those_of_the_chains() -> None:
    made = recorded()
    found = assessed(made)

    assert {each.cluster.path: each.head for each in found.clusters} == {
        path: head for path, head in made.heads.items() if not path.startswith("_")
    }
    assert found.fleet == made.heads[FLEET]
    assert found.manifest is not None
    assert (found.manifest.number, found.manifest.key) == (1, key_name())
    assert Head(1, found.manifest.source.hash) == made.heads[MANIFESTS]


def standing(found: Assessment, statement: str, basis: str) -> Reason:
    return next(
        each.reason for each in standings(found) if (each.control.statement, each.control.basis) == (statement, basis)
    )


def well(release: str = "Azure Linux 3.0", worth: Standing = Standing.ACTIVE) -> Assessment:
    """A fleet of one pool that is well, with modules that are worth something."""
    made = proven()
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    found = assessed(made)
    seen = replace(modules(release), standing=worth)
    (cluster,) = found.clusters
    return replace(found, clusters=(replace(cluster, pools=(replace(cluster.pools[0], modules=seen),)),))


def test_controls_are_met_by_a_fleet_that_is_well() -> None:
    assert {each.reason for each in standings(well())} == {Reason.MET}


@pytest.mark.parametrize(("worth", "reason"), [(Standing.UNKNOWN, Reason.OTHER), (Standing.HISTORICAL, Reason.FAIL)])
def test_fips_that_is_on_does_not_make_modules_validated(worth: Standing, reason: Reason) -> None:
    found = well(worth=worth)

    assert standing(found, "sc-13_smt.b", "enabled") is Reason.MET
    assert standing(found, "sc-13_smt.b", "validated") is standing(found, "ia-7_smt", "validated") is reason


STRAYS = judgement("strays", S.INCONSISTENT, "NodesDisagree", "3 of 3 nodes outside every pool say no.")


def beside(*found: Judgement) -> Assessment:
    """A fleet whose one pool is well, with what was found of its cluster beside that."""
    made = Recorded()
    made.at = NOW - DAY
    made.texts()
    made.prove(PAY, "apps", NOW - DAY)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)], *found))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    return assessed(made)


@pytest.mark.parametrize(
    ("found", "enabled", "settings", "deviations", "monitoring"),
    [
        (STRAYS, Reason.FAIL, Reason.MET, Reason.FAIL, Reason.FAIL),
        (replace(STRAYS, state=S.NON_COMPLIANT), Reason.FAIL, Reason.MET, Reason.FAIL, Reason.FAIL),
        (replace(STRAYS, state=S.UNKNOWN), Reason.OTHER, Reason.MET, Reason.OTHER, Reason.OTHER),
        (
            replace(STRAYS, state=S.EXEMPT, exemption="legacy", exempt_until=NOW + DAY),
            *(Reason.FAIL, Reason.MET, Reason.MET, Reason.MET),
        ),
        (replace(STRAYS, state=S.NOT_APPLICABLE), Reason.MET, Reason.MET, Reason.MET, Reason.MET),
        (judgement("rule", S.UNKNOWN, "TagUnreadable"), Reason.OTHER, Reason.OTHER, Reason.OTHER, Reason.OTHER),
        (judgement("readable", S.UNKNOWN, "NoNodePools"), Reason.OTHER, Reason.OTHER, Reason.OTHER, Reason.OTHER),
    ],
    ids=["inconsistent", "non-compliant", "unknown", "exempt", "not asked", "which rule", "no pools"],
)
def test_what_concerns_a_cluster_beside_its_pools_counts_in_the_controls(
    found: Judgement, enabled: Reason, settings: Reason, deviations: Reason, monitoring: Reason
) -> None:
    made = beside(found)

    assert standing(made, "sc-13_smt.b", "enabled") is enabled
    assert standing(made, "cm-6_smt.b", "settings") is settings
    assert standing(made, "cm-6_smt.c", "deviations") is deviations
    assert standing(made, "ca-7_smt.c", "monitoring") is monitoring


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (S.INCONSISTENT, Reason.FAIL),
        (S.EXEMPT, Reason.FAIL),
        (S.UNKNOWN, Reason.OTHER),
    ],
)
def test_no_modules_are_validated_where_nodes_outside_every_pool_show_no_fips(state: S, reason: Reason) -> None:
    found = replace(STRAYS, state=state, exemption="legacy", exempt_until=NOW + DAY)
    (cluster,) = beside(found).clusters
    certified = replace(cluster.pools[0], modules=replace(modules(), standing=Standing.ACTIVE))
    made = replace(beside(found), clusters=(replace(cluster, pools=(certified,)),))

    assert standing(made, "sc-13_smt.b", "validated") is standing(made, "ia-7_smt", "validated") is reason


@pytest.mark.parametrize("form", ["html", "csv", "oscal", "json"])
def test_the_summary_of_every_format_says_what_is_wrong_beside_the_pools(form: str) -> None:
    text = "".join(FORMATS[form](beside(STRAYS)))

    assert "1 node pool in 1 cluster: 1 compliant; clusters beside their pools: 1 inconsistent." in text
    assert "Clusters beside their pools: 1 inconsistent." in text or form == "csv", "the controls say so, too"


@pytest.mark.parametrize("form", ["html", "csv", "poam", "oscal", "json"])
def test_whoever_answers_for_a_cluster_answers_for_what_concerns_none_of_its_pools(form: str) -> None:
    read = replace(read_of(PAY, "apps"), tags={"owner": "platform team"})
    excused = replace(STRAYS, state=S.EXEMPT, exemption="legacy", exempt_until=datetime(2026, 12, 25, tzinfo=UTC))
    made = Recorded()
    made.texts()
    made.see(PAY, observation(read, [verdict("apps", ON)], STRAYS))
    made.see(MEDIA, observation(replace(read, id=MEDIA, tags={}), [verdict("apps", ON)], excused))
    found = assessed(made)

    owned = {each.cluster.cluster: (each.owner, each.due.at) for each in found.open() if each.pool is None}
    assert owned == {PAY: ("platform team", None), MEDIA: ("=payments", excused.exempt_until)}
    text = unescape("".join(FORMATS[form](found)))
    assert "platform team" in text
    assert "RISK-17" in text or form == "csv"
    assert "2026-12-25" in text


NOT_FIPS = judgement("image", S.NON_COMPLIANT, "ImageNotFips")
UNPROVEN = judgement("proof", S.UNKNOWN, "ProofMissing")
SETTLING = judgement("settled", S.UNKNOWN, "OperationInProgress")


def excused(found: Judgement) -> Judgement:
    return replace(found, state=S.EXEMPT, exemption="legacy", exempt_until=NOW + 9 * DAY)


@pytest.mark.parametrize(
    ("findings", "on", "reason"),
    [
        ((ON, PROVEN), True, Reason.MET),
        ((ON,), True, Reason.MET),
        ((ON, judgement("modules", S.UNKNOWN, "ModulesUnknown")), True, Reason.MET),
        ((ON, NOT_FIPS), False, Reason.FAIL),
        ((ON, LYING), False, Reason.FAIL),
        ((excused(OFF),), False, Reason.FAIL),
        ((ON, excused(LYING)), False, Reason.FAIL),
        ((ON, UNPROVEN), None, Reason.OTHER),
        ((ON, excused(UNPROVEN)), None, Reason.OTHER),
        ((ON, SETTLING), None, Reason.OTHER),
        ((judgement("rule", S.UNKNOWN, "RuleUndecided"),), None, Reason.OTHER),
    ],
)
def test_active_certificates_count_only_where_fips_is_in_effect(
    findings: tuple[Judgement, ...], on: bool | None, reason: Reason
) -> None:
    made = Recorded()
    made.texts()
    made.see(PAY, observation(read_of(PAY, "jobs"), [certified(verdict("jobs", *findings))]))
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made, now=made.at)

    assert pool(found, "jobs").on is on
    assert standing(found, "sc-13_smt.b", "validated") is standing(found, "ia-7_smt", "validated") is reason
    assert ("not known whether FIPS is in effect" in "".join(FORMATS["csv"](found))) == (on is None)


@pytest.mark.parametrize(
    ("findings", "on"), [((PROVEN,), True), ((LYING,), False), ((UNPROVEN,), None), ((NOTHING_SETTLED,), None)]
)
def test_on_windows_only_the_nodes_say_whether_fips_is_in_effect(
    findings: tuple[Judgement, ...], on: bool | None
) -> None:
    said = verdict("win", *findings)
    assert said.implementation is not None
    made = Recorded()
    made.texts()
    windows = replace(said, implementation=replace(said.implementation, os_type="Windows"))
    made.see(PAY, observation(read_of(PAY, "win"), [windows]))

    assert pool(assessed(made), "win").on is on


def test_whether_fips_is_on_in_a_pool_that_was_never_read_is_not_known() -> None:
    made = Recorded()
    made.texts()
    lost = Unreadable("Unreachable", "ARM did not answer.", None)
    made.see(PAY, observation(lost, [verdict("jobs", UNREAD, read=False)], UNREAD))
    found = assessed(made)

    assert pool(found, "jobs").on is None
    assert standing(found, "ia-7_smt", "validated") is Reason.OTHER


SUNSET = (NOW + 9 * DAY).date()


def certified(one: PoolVerdict, sunset: date | None = None) -> PoolVerdict:
    """The verdict with modules whose certificates are active until a day."""
    assert one.modules is not None
    seen = tuple(
        replace(each, status=Status.ACTIVE, standing=Standing.ACTIVE, sunset=sunset)
        for each in one.modules.certificates
    )
    return replace(one, modules=replace(one.modules, standing=Standing.ACTIVE, certificates=seen))


@pytest.mark.parametrize(("days", "reason"), [(8, Reason.MET), (9, Reason.FAIL)])
def test_a_certificate_counts_until_its_sunset_and_not_until_the_next_record(days: int, reason: Reason) -> None:
    made, validated = Recorded(), judgement("modules", S.COMPLIANT, "ModulesValidated")
    made.texts()
    made.see(PAY, observation(read_of(PAY, "apps"), [certified(verdict("apps", ON, validated), SUNSET)]))
    made.at = datetime.combine(NOW.date(), time(), UTC) + days * DAY
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made, now=made.at)

    assert standing(found, "sc-13_smt.b", "validated") is standing(found, "ia-7_smt", "validated") is reason
    assert [each.judgement.reason for each in found.open()] == ([] if reason is Reason.MET else ["CertificateEnded"])
    for form in FORMATS:
        assert ("CertificateEnded" in "".join(FORMATS[form](found))) == (reason is Reason.FAIL)


@pytest.mark.parametrize(("ahead", "state"), [(timedelta(minutes=30), S.COMPLIANT), (300 * DAY, S.UNKNOWN)])
def test_a_proof_that_is_still_to_come_proves_nothing(ahead: timedelta, state: ComplianceState) -> None:
    made = Recorded()
    made.texts()
    made.prove(PAY, "apps", NOW + ahead)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    found = assessed(made, now=NOW)

    assert pool(found, "apps").state is state
    assert ["ProofAhead" in "".join(FORMATS[form](found)) for form in FORMATS] == [state is S.UNKNOWN] * len(FORMATS)


def test_the_next_proof_closes_one_that_was_still_to_come() -> None:
    made = Recorded()
    made.texts()
    made.prove(PAY, "apps", NOW + 300 * DAY)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    made.prove(PAY, "apps", NOW)
    found = assessed(made)

    assert pool(found, "apps").state is S.COMPLIANT
    assert [(each.activity.value, each.judgement.reason) for each in one(found, PAY).changes] == [
        ("create", "ProofAhead"),
        ("close", "ProofAhead"),
    ]


def test_a_proof_that_failed_has_no_end() -> None:
    made = Recorded()
    made.texts()
    made.prove(PAY, "apps", NOW, unreadable="Unreachable: nobody answered", nodes=0)
    refused = judgement("proof", S.UNKNOWN, "Unreachable")
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, refused)]))
    found = assessed(made)
    seen = pool(found, "apps")

    assert seen.proof is not None
    assert (seen.ends, seen.proof.expires) == (None, None)
    page = "".join(FORMATS["html"](found))
    assert "<br>tried 20" in page
    assert ", ends 20" not in page


def test_where_one_wait_has_no_end_no_date_is_set_and_it_is_said_why() -> None:
    made = Recorded()
    made.texts()
    waits = (
        Deferral("jobs", "AwaitingApproval", "Somebody has to agree.", None),
        Deferral("jobs", "WindowClosed", "The window opens on Saturday.", NOW + 2 * DAY),
    )
    made.see(PAY, observation(read_of(PAY, "jobs"), [verdict("jobs", OFF)], deferrals=waits))
    due = pool(assessed(made), "jobs").due

    assert (due.at, due.basis) == (None, "no date is set: Somebody has to agree")


def test_when_to_look_again_is_no_due_date() -> None:
    made = Recorded()
    made.texts()
    waits = Deferral("jobs", "ApprovalMissing", "It waits for a person.", NOW + timedelta(hours=1), dated=False)
    made.see(PAY, observation(read_of(PAY, "jobs"), [verdict("jobs", OFF)], deferrals=(waits,)))
    due = pool(assessed(made), "jobs").due

    assert (due.at, due.basis) == (None, "no date is set: It waits for a person")


def test_certificates_count_for_nothing_where_fips_is_off() -> None:
    made = Recorded()
    made.texts()
    made.see(PAY, observation(read_of(PAY, "jobs"), [verdict("jobs", OFF)]))

    assert standing(assessed(made), "ia-7_smt", "validated") is Reason.FAIL


def test_pools_of_which_it_is_not_known_whether_fips_is_in_effect_are_counted_apart_from_those_without() -> None:
    made, flag = Recorded(), judgement("flag", S.UNKNOWN, "FlagUnreadable")
    made.texts()
    pools = [verdict("apps", ON), verdict("jobs", OFF), verdict("odd", flag)]
    made.see(PAY, observation(read_of(PAY, "apps", "jobs", "odd"), pools))
    (told,) = {each.summary for each in standings(assessed(made)) if each.control.basis == "validated"}

    assert told == (
        "Of 3 node pools, by the worst certificate of their modules: 1 unknown; 1 without FIPS, where no validated "
        "module is known to be in use; 1 where it is not known whether FIPS is in effect."
    )


def test_an_exemption_is_a_deviation_that_was_approved_and_no_setting() -> None:
    made = Recorded()
    made.texts()
    excused = replace(OFF, state=S.EXEMPT, exemption="legacy", exempt_until=NOW + 9 * DAY)
    made.see(PAY, observation(read_of(PAY, "legacy"), [verdict("legacy", excused)]))
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    found = assessed(made)

    assert standing(found, "cm-6_smt.c", "deviations") is Reason.MET
    assert standing(found, "cm-6_smt.b", "settings") is Reason.FAIL
    assert standing(found, "sc-13_smt.b", "enabled") is Reason.FAIL


def test_no_control_is_met_where_nothing_was_judged_or_something_is_not_known() -> None:
    empty, broken = assessed(Recorded()), proven()
    broken.files[record_name(PAY.path, 1)] = b"{}"

    assert {each.reason for each in standings(empty)} == {Reason.OTHER}
    assert Reason.MET not in {each.reason for each in standings(assessed(broken))}
    assert standing(assessed(broken), "ca-7_smt.c", "monitoring") is Reason.FAIL


def test_what_no_manifest_vouches_for_yet_is_among_the_limits() -> None:
    made = proven()
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    assert "No manifest vouches yet" not in " ".join(limits(assessed(made)))

    made.prove(PAY, "apps", made.at)
    assert f"No manifest vouches yet for 1 record of 1 cluster behind it: {PAY}. " in limits(assessed(made))[-1]

    made.see(LAB, observation(read_of(LAB, "jobs"), [verdict("jobs", OFF)]))
    told = f"2 clusters behind it: {LAB}, {PAY}. None names the chain of {LAB}: it has begun since, or was invented."
    found = assessed(made)
    assert told in limits(found)[-1]
    pages = {form: unescape("".join(FORMATS[form](found))) for form in FORMATS}
    assert all(told in page for form, page in pages.items() if form != "ocsf")
    assert "No manifest names the chain of the cluster's records." in pages["ocsf"]


def test_an_assessment_can_be_written_as_json_values() -> None:
    assert canonical(plain(assessed(recorded())))
