"""What was wrong with a cluster is not mended, nor young again, because nobody can read it for a while."""

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from cli.exits import NON_COMPLIANT, UNKNOWN
from cli.reporting import _verdict
from shared.domain.assessment import Assessment
from shared.domain.evaluate import evaluate
from shared.domain.fleet_assessment import Asked
from shared.domain.judged import observation as observed
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, ComplianceState, ProofLevel, Unreadable
from shared.domain.modules import Standing
from shared.domain.pack import Scope
from shared.domain.planned import Plan
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.posture import Posture
from shared.domain.proven import Strays
from shared.domain.records import MANIFESTS
from shared.domain.rulebook import Rulebook
from shared.domain.standing import standings
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports import words
from shared.reports.formats import FORMATS
from tests.builders import NOW, cluster, disabled, memory, profile, proof
from tests.recorded import DAY, EXEMPTIONS, ON, PAY, POLICY, PROVEN, Recorded, modules, observation, read_of, verdict

S = ComplianceState
HOUR = timedelta(hours=1)
RULES = Rulebook(read_policy(POLICY), read_exemptions(EXEMPTIONS))
FORBIDDEN = Unreadable("AuthorizationFailed", "ARM answered 403.", None)
THROTTLED = Unreadable("Throttled", "ARM answered 429.", None)
OUTSIDE = Strays(NOW, nodes=3, disabled=2, names=("aks-lost-1", "aks-lost-2"))


def off(*names: str) -> Cluster:
    """A cluster whose pools have FIPS off, with an owner."""
    return replace(cluster(*map(disabled, names or ("apps",))), id=PAY, tags={"owner": "payments"})


class Life:
    """A cluster that is judged by the app's own functions, look by look."""

    def __init__(self, remembered: Memory = Memory()) -> None:  # noqa: B008 (it is frozen)
        self.made = Recorded()
        self.made.at = NOW
        self.made.texts()
        self.memory = remembered
        self.posture: Posture | None = None

    def look(self, at: datetime, read: ClusterRead) -> None:
        """Judge and record it."""
        self.made.at = at
        self.posture = evaluate(read, self.memory, RULES, self.posture, at, cluster=PAY)
        self.made.see(PAY, observed(read, self.posture, Plan(None, (), HOUR), self.memory))

    def assessed(self, after: int = 0) -> Assessment:
        """What a report says of it an hour later."""
        self.made.at += HOUR
        self.made.anchor(self.made.at, unreadSubscriptions=0, unseen=0)
        asked = Asked(self.made.at, scope=Scope(after=after), heads=self.made.heads)
        return assess(self.made, asked)


def forgotten() -> Life:
    """FIPS is off, and three days later the app's right to read is taken away."""
    life = Life()
    life.look(NOW, off())
    life.look(NOW + 3 * DAY, FORBIDDEN)
    return life


def told(found: Assessment, form: str) -> str:
    return unescape("".join(FORMATS[form](found)))


def plan(found: Assessment) -> dict[str, dict[str, str]]:
    """The lines of the POA&M by their reasons."""
    rows = csv.DictReader(io.StringIO("".join(FORMATS["poam"](found))))
    return {row["Weakness Name"]: row for row in rows if row["POA&M ID"]}


def risks(found: Assessment) -> dict[str, dict[str, Any]]:
    """OSCAL's risks by their titles."""
    (result,) = json.loads("".join(FORMATS["oscal"](found)))["assessment-results"]["results"]
    return {one["title"].partition(" ")[0] + one["title"].rpartition(": ")[2]: one for one in result.get("risks", ())}


def reasons(found: Assessment) -> dict[tuple[str, str], str]:
    return {(one.control.name, one.control.basis.value): one.reason.value for one in standings(found)}


def test_an_open_finding_is_the_same_one_before_while_and_after_its_cluster_can_not_be_read() -> None:
    life = Life()
    life.look(NOW, off())
    made = [life.assessed()]
    for hours, read in ((24, THROTTLED), (26, FORBIDDEN), (28, FORBIDDEN)):
        life.look(NOW + timedelta(hours=hours), read)
        made.append(life.assessed())
    life.look(NOW + timedelta(hours=30), off())
    made.append(life.assessed())

    lines = [plan(one)["FipsDisabled"] for one in made]
    assert len({(line["POA&M ID"], line["Original Detection Date"]) for line in lines}) == 1
    assert [line["Age (days)"] for line in lines] == ["0", "1", "1", "1", "1"]
    assert {line["State"] for line in lines} == {"non_compliant"}
    assert {line["Point of Contact"] for line in lines} == {"payments"}
    own = [risks(one)["rg-pay/aks-pay/appsFipsDisabled"] for one in made]
    assert len({one["uuid"] for one in own}) == 1
    assert {one["status"] for one in own} == {"open"}
    (pool,) = [pool for _, pool in made[-1].pools()]
    assert (pool.since, [one.since for one in pool.findings if one.reason == "FipsDisabled"]) == (NOW, [NOW])


@pytest.mark.parametrize("form", ["html", "csv", "poam", "oscal"])
def test_what_was_known_is_told_in_every_format_with_when_it_was_seen(form: str) -> None:
    found = forgotten().assessed()

    text = told(found, form)

    assert "FipsDisabled" in text
    assert "Last seen 2026-11-23 09:30Z, not readable since 2026-11-26 09:30Z." in text
    assert "(of them, when they could be read last: 1 non-compliant)" in text or form == "poam"


def test_programs_get_what_was_known_apart_from_the_state_which_is_unknown() -> None:
    made = json.loads(told(forgotten().assessed(), "json"))

    (each,) = made["clusters"]
    (pool,) = each["pools"]
    assert (each["state"], pool["verdict"]["state"]) == ("unknown", "unknown")
    assert [one["reason"] for one in pool["verdict"]["findings"]] == ["AuthorizationFailed"]
    assert pool["was"]["verdict"]["state"] == "non_compliant"
    assert made["summary"]["unknown"] == 1
    assert "when they could be read last: 1 non-compliant" in made["text"]


def test_a_control_that_failed_fails_as_long_as_nobody_could_read_otherwise() -> None:
    found = forgotten().assessed()

    assert reasons(found) == {
        ("SC-13", "enabled"): "fail",
        ("SC-13", "validated"): "fail",
        ("IA-7", "validated"): "fail",
        ("CM-6", "settings"): "fail",
        ("CM-6", "deviations"): "fail",
        ("CA-7", "monitoring"): "other",
    }
    assert _verdict(found) == NON_COMPLIANT
    assert standings(found)[0].summary == (
        "Of 1 node pool: 1 non-compliant. 1 of them can't be read now, and counts as it was."
    )


def test_what_was_well_is_unknown_and_leaves_nothing_open_and_no_control_met() -> None:
    life = Life(memory(apps=proof(level=ProofLevel.KERNEL, record=1)))
    life.look(NOW, replace(cluster(profile()), id=PAY))
    life.look(NOW + HOUR, FORBIDDEN)
    found = life.assessed()

    assert [one.judgement.reason for one in found.open()] == ["AuthorizationFailed"]
    assert {*reasons(found).values()} == {"other"}
    assert "could be read last" not in words.summary(found)
    assert _verdict(found) == UNKNOWN

    life.look(NOW + 3 * HOUR, replace(cluster(profile()), id=PAY))
    (pool,) = [pool for _, pool in life.assessed().pools()]
    assert (pool.state, pool.since) == (S.COMPLIANT, NOW + 3 * HOUR)


def test_since_when_a_cluster_can_not_be_read_does_not_change_with_the_reason() -> None:
    life = forgotten()
    life.look(NOW + 5 * DAY, THROTTLED)

    line = plan(life.assessed())["Throttled"]

    assert (line["Original Detection Date"], line["Age (days)"]) == ("2026-11-26", "2")


def test_a_part_of_the_evidence_that_begins_with_a_look_that_could_not_read_knows_what_its_record_says() -> None:
    life = Life()
    life.look(NOW, off())
    life.assessed()
    life.look(NOW + 2 * HOUR, FORBIDDEN)
    del life.made.files[record_name(PAY.path, 1)]

    found = life.assessed(after=1)

    assert plan(found)["FipsDisabled"]["Original Detection Date"] == "2026-11-23"
    assert "Last seen 2026-11-23 09:30Z, not readable since 2026-11-23 11:30Z." in told(found, "poam")
    assert "FipsDisabled" in told(found, "ocsf")
    assert reasons(found)["SC-13", "enabled"] == "fail"


def test_a_record_of_a_version_that_did_not_say_what_was_known_before_is_read() -> None:
    life = Life()
    life.look(NOW, off())
    life.posture = evaluate(FORBIDDEN, Memory(), RULES, life.posture, NOW + HOUR, cluster=PAY)
    seen = observed(FORBIDDEN, life.posture, Plan(None, (), HOUR), Memory())
    pools = tuple(replace(one, earlier=None) for one in seen.posture.pools)
    life.made.at = NOW + HOUR
    life.made.see(PAY, replace(seen, posture=replace(seen.posture, pools=pools, last_read=None)))

    assert plan(life.assessed())["FipsDisabled"]["State"] == "non_compliant"


def test_a_pool_that_only_a_look_that_died_has_seen_is_not_forgotten() -> None:
    life = Life()
    life.look(NOW, off("apps"))
    before = life.posture
    life.look(NOW + HOUR, off("apps", "jobs"))
    life.posture = before
    life.look(NOW + 2 * HOUR, FORBIDDEN)
    found = life.assessed()

    assert {pool.name: pool.state.value for _, pool in found.pools()} == {"apps": "unknown", "jobs": "unknown"}
    open_ = {(one.pool.name if one.pool else "", one.judgement.reason) for one in found.open()}
    assert {("jobs", "FipsDisabled"), ("apps", "FipsDisabled"), ("", "AuthorizationFailed")} <= open_


def test_an_exemption_that_ends_while_its_cluster_can_not_be_read_excuses_nothing_any_more() -> None:
    life = Life()
    life.look(NOW, off("legacy"))
    life.look(NOW + DAY, FORBIDDEN)
    still = life.assessed()
    assert plan(still)["FipsDisabled"]["State"] == "exempt"
    assert plan(still)["FipsDisabled"]["Operational Requirement"].startswith("waiver: legacy, RISK-17")
    assert reasons(still)["SC-13", "enabled"] == "fail"
    assert reasons(still)["CM-6", "deviations"] == "other"
    assert "legacy (waiver)" in told(still, "html")
    (risk,) = [one for name, one in risks(still).items() if "legacy" in name]
    assert (risk["status"], risk["deadline"][:10]) == ("deviation-approved", "2026-12-25")

    life.made.at = NOW + 40 * DAY
    over = life.assessed()
    assert plan(over)["ExemptionEnded"]["State"] == "unknown"
    events = [json.loads(line) for line in "".join(FORMATS["ocsf"](over)).splitlines()]
    last = [one for one in events if one.get("resources", [{}])[0].get("name", "").endswith("/legacy")][-1]
    assert (last["activity_name"], last["status_code"]) == ("Update", "ExemptionEnded")


def test_nodes_outside_every_pool_stay_told_and_count() -> None:
    life = Life(Memory(strays=OUTSIDE))
    life.look(NOW, replace(cluster(profile()), id=PAY))
    before = life.assessed()
    life.look(NOW + 2 * HOUR, FORBIDDEN)
    life.look(NOW + 4 * HOUR, THROTTLED)
    unread = life.assessed()

    assert plan(before)["NodesOutsidePools"]["POA&M ID"] == plan(unread)["NodesOutsidePools"]["POA&M ID"]
    assert reasons(unread)["SC-13", "enabled"] == "fail"
    assert "clusters beside their pools: 1 non-compliant" in words.summary(unread)
    for form in ("html", "csv", "poam", "oscal"):
        assert "NodesOutsidePools" in told(unread, form), form
        assert "Last seen 2026-11-23 09:30Z" in told(unread, form), form

    life.look(NOW + 6 * HOUR, replace(cluster(profile()), id=PAY))
    assert plan(life.assessed())["NodesOutsidePools"]["POA&M ID"] == plan(before)["NodesOutsidePools"]["POA&M ID"]


def test_certificates_that_had_ended_are_known_to_have() -> None:
    made = Recorded()
    made.at = NOW - HOUR
    made.texts()
    made.prove(PAY, "apps", made.at)
    ended = replace(modules("Ubuntu 20.04"), standing=Standing.HISTORICAL)
    made.see(PAY, observation(read_of(PAY, "apps"), [replace(verdict("apps", ON, PROVEN), modules=ended)]))
    life = Life()
    life.made = made
    life.look(NOW, FORBIDDEN)

    assert reasons(life.assessed())["SC-13", "validated"] == "fail"


def test_the_next_manifest_and_the_next_reading_end_it() -> None:
    life = forgotten()
    life.look(NOW + 4 * DAY, replace(cluster(profile()), id=PAY))
    found = life.assessed()

    assert "FipsDisabled" not in plan(found)
    assert [pool.was for _, pool in found.pools()] == [None]
    assert record_name(MANIFESTS, 1) in life.made.files


def test_what_an_older_version_forgot_while_it_could_not_read_is_not_young_again() -> None:
    """Its records don't say what was open before, nor since when the cluster can't be read; the chain does."""
    life = Life()
    life.look(NOW, off())
    made = [life.assessed()]
    unread = evaluate(FORBIDDEN, Memory(), RULES, life.posture, NOW + DAY, cluster=PAY)
    (pool,), (why,) = unread.pools, unread.cluster_findings
    life.posture = replace(
        unread, pools=(replace(pool, earlier=None),), cluster_findings=(replace(why, since=None),), last_read=None
    )
    life.made.at = NOW + DAY - timedelta(minutes=1)
    life.made.see(PAY, observed(FORBIDDEN, life.posture, Plan(None, (), HOUR), Memory()))
    made.append(life.assessed())
    life.look(NOW + 2 * DAY, FORBIDDEN)
    made.append(life.assessed())
    life.look(NOW + 3 * DAY, off())
    made.append(life.assessed())
    life.look(NOW + 4 * DAY, off())
    made.append(life.assessed())

    lines = [plan(one)["FipsDisabled"] for one in made]
    assert len({(line["POA&M ID"], line["Original Detection Date"]) for line in lines}) == 1
    assert len({risks(one)["rg-pay/aks-pay/appsFipsDisabled"]["uuid"] for one in made}) == 1
    unable = [plan(one)["AuthorizationFailed"] for one in made[1:3]]
    assert {line["Original Detection Date"] for line in unable} == {"2026-11-24"}
    assert len({line["POA&M ID"] for line in unable}) == 1
