"""What nodes said after the last verdict, where a look has died between the two: the worse word counts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.assessment import Assessment
from shared.domain.bodies import StrayProof
from shared.domain.changes import Change
from shared.domain.codec import plain
from shared.domain.fleet_assessment import Asked
from shared.domain.model import ComplianceState, ProofLevel
from shared.domain.proven import Strays
from shared.domain.records import RecordKind
from shared.domain.standing import standings
from shared.domain.verdicts import Judgement
from shared.reporting import assess
from shared.reports.formats import FORMATS
from tests.builders import NOW
from tests.recorded import (
    DAY,
    LYING,
    ON,
    PAY,
    POLICY,
    PROVEN,
    Recorded,
    judgement,
    observation,
    read_of,
    verdict,
)

S = ComplianceState
OUTSIDE = judgement("strays", S.COMPLIANT, "NodesOutsidePoolsProven")
_FORM = pytest.mark.parametrize("form", FORMATS)


def judged(*of_pool: Judgement, of_cluster: tuple[Judgement, ...] = (), policy: str = POLICY) -> Recorded:
    """One cluster whose one pool a look has judged, after it had asked the nodes."""
    made = Recorded()
    made.at = NOW - DAY
    made.texts(policy)
    made.prove(PAY, "apps", NOW - DAY)
    see(made, *of_pool, of_cluster=of_cluster)
    made.origin, made.at = replace(made.origin, look="look-2"), NOW - timedelta(hours=3)
    return made


def see(made: Recorded, *of_pool: Judgement, of_cluster: tuple[Judgement, ...] = (), strays: int = 0) -> None:
    """Add what a look makes of it; `strays` is the record of nodes outside every pool that it goes by."""
    seen = observation(read_of(PAY, "apps"), [verdict("apps", ON, *(of_pool or (PROVEN,)))], *of_cluster)
    made.see(PAY, replace(seen, posture=replace(seen.posture, strays=strays)))


def outside(made: Recorded, **said: Any) -> None:
    """Add what nodes outside every pool said."""
    strays = Strays(made.at, 3, level=ProofLevel.KERNEL, names=("aks-x",), **said)
    found = StrayProof(level=ProofLevel.KERNEL, method="m", way="w", strays=strays, nodes=())
    made.add(PAY, RecordKind.PROOF, {**plain(made.origin), **plain(found)})


def assessed(made: Recorded) -> Assessment:
    """The assessment, with a manifest of the whole fleet."""
    made.at = NOW
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    return assess(made, Asked(NOW, heads=made.heads))


def pool(found: Assessment) -> tuple[ComplianceState, str]:
    """State and reason of the only pool."""
    ((_, one),) = found.pools()
    return one.state, one.decisive.reason


def changes(found: Assessment) -> list[tuple[str, str]]:
    """What became of findings, with the reason."""

    def told(one: Change) -> tuple[str, str]:
        return one.activity.value, one.judgement.reason

    return [told(one) for cluster in found.clusters for one in cluster.changes]


@_FORM
def test_nodes_that_deny_fips_after_the_last_verdict_make_their_pool_inconsistent(form: str) -> None:
    made = judged()
    made.prove(PAY, "apps", made.at, disagreeing=("aks-apps-1",))
    found = assessed(made)

    assert pool(found) == (S.INCONSISTENT, "NodesDisagree")
    assert next(one for one in found.clusters).state is S.INCONSISTENT
    assert not any(one.satisfied for one in standings(found) if one.control.basis.value in ("enabled", "validated"))
    assert "nobody has judged since: aks-apps-1." in "".join(FORMATS[form](found))


@_FORM
@pytest.mark.parametrize("said", [{"missing": 1}, {"unreadable": "Unreachable: nobody answered", "nodes": 0}])
def test_nodes_that_did_not_all_say_yes_after_the_last_verdict_make_their_pool_unknown(
    form: str, said: dict[str, Any]
) -> None:
    made = judged()
    made.prove(PAY, "apps", made.at, **said)
    found = assessed(made)

    assert pool(found) == (S.UNKNOWN, "ProofNotJudged")
    assert not any(one.satisfied for one in standings(found) if one.control.basis.value in ("enabled", "validated"))
    assert "ProofNotJudged" in "".join(FORMATS[form](found))


def test_what_was_said_after_the_last_verdict_is_told_and_closed_by_the_next_proof_that_is_good() -> None:
    made = judged()
    made.prove(PAY, "apps", made.at, disagreeing=("aks-apps-1",))
    made.origin = replace(made.origin, look="look-3")
    made.prove(PAY, "apps", made.at)
    found = assessed(made)

    assert pool(found) == (S.COMPLIANT, "NodesProven")
    assert changes(found) == [("create", "NodesDisagree"), ("close", "NodesDisagree")]


def test_a_proof_that_a_later_verdict_does_not_know_still_counts() -> None:
    made = judged()
    known = made.proven[PAY, "apps"]
    made.prove(PAY, "apps", made.at, disagreeing=("aks-apps-1",))
    made.proven[PAY, "apps"] = known
    made.origin = replace(made.origin, look="look-3")
    see(made, PROVEN, judgement("smb", S.COMPLIANT, "Other"))
    found = assessed(made)

    assert pool(found) == (S.INCONSISTENT, "NodesDisagree")
    assert changes(found) == [("create", "NodesDisagree")], "nothing has closed it"


def test_what_the_same_look_judges_is_told_by_its_verdict_alone() -> None:
    made = judged()
    made.prove(PAY, "apps", made.at, missing=1)
    see(made, replace(PROVEN, state=S.UNKNOWN, reason="NodesMissing"))

    assert changes(assessed(made)) == [("create", "NodesMissing")]


@pytest.mark.parametrize(
    "known", [LYING, replace(LYING, state=S.EXEMPT, exempt_until=NOW + DAY, exemption="legacy"),
              judgement("proof", S.UNKNOWN, "ProofSettling")]
)  # fmt: skip
def test_a_verdict_that_knows_already_that_nodes_disagree_stays(known: Judgement) -> None:
    made = judged(known)
    made.prove(PAY, "apps", made.at, disagreeing=("aks-apps-2",))

    assert pool(assessed(made)) == (known.state, known.reason)


@_FORM
@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [
        ({"disabled": 3}, S.NON_COMPLIANT, "NodesOutsidePools"),
        ({"disabled": 1, "denying": 1}, S.INCONSISTENT, "NodesDisagree"),
        ({"missing": 1}, S.UNKNOWN, "NodesUnanswered"),
        ({"unreadable": "WayNotAllowed: not that way"}, S.UNKNOWN, "WayNotAllowed"),
    ],
)
@pytest.mark.parametrize("before", [(), (OUTSIDE,)])
def test_nodes_outside_every_pool_count_after_the_last_verdict(
    form: str, before: tuple[Judgement, ...], said: dict[str, Any], state: ComplianceState, reason: str
) -> None:
    made = judged(of_cluster=before)
    outside(made, **said)
    found = assessed(made)

    (cluster,) = found.clusters
    assert cluster.state is state
    assert [(one.state, one.reason) for one in cluster.findings] == [(state, reason)]
    assert changes(found) == [("create", reason)]
    assert "Nobody has judged since that was recorded" in "".join(FORMATS[form](found))


def test_nodes_outside_every_pool_that_are_well_again_close_what_was_told_of_them() -> None:
    made = judged()
    outside(made, disabled=3)
    made.origin = replace(made.origin, look="look-3")
    outside(made)
    found = assessed(made)

    assert next(one for one in found.clusters).state is S.COMPLIANT
    assert changes(found) == [("create", "NodesOutsidePools"), ("close", "NodesOutsidePools")]


def test_nodes_outside_every_pool_never_make_a_verdict_better() -> None:
    bad = judgement("strays", S.NON_COMPLIANT, "NodesOutsidePools")
    made = judged(of_cluster=(bad,))
    outside(made)
    found = assessed(made)

    assert next(one for one in found.clusters).findings == (bad,)
    assert changes(found) == [("create", "NodesOutsidePools")]


def test_nodes_outside_every_pool_of_which_the_policy_asks_nothing_change_nothing() -> None:
    made = judged(policy=f"{POLICY}fips: any\n")
    outside(made, disabled=3)

    assert next(one for one in assessed(made).clusters).state is S.COMPLIANT


def another_look(made: Recorded) -> None:
    """What comes now is another look's."""
    made.origin = replace(made.origin, look=f"{made.origin.look}-next")


def test_an_observation_that_does_not_know_of_nodes_outside_every_pool_takes_nothing_back() -> None:
    """Neither one that names an older record, nor one of a version that named none."""
    for known in (0, 2):
        made = judged()
        outside(made)
        see(made, strays=3)
        another_look(made)
        outside(made, disabled=3)
        another_look(made)
        see(made, strays=known)
        found = assessed(made)

        assert [one.reason for one in next(iter(found.clusters)).findings] == ["NodesOutsidePools"]
        assert changes(found) == [("create", "NodesOutsidePools")]


def test_an_observation_that_knows_of_nodes_outside_every_pool_is_believed() -> None:
    made = judged()
    outside(made, disabled=3)
    another_look(made)
    see(made, strays=3)
    found = assessed(made)

    assert next(iter(found.clusters)).findings == ()
    assert changes(found) == [("create", "NodesOutsidePools"), ("close", "NodesOutsidePools")]


def test_records_of_older_versions_are_believed_that_nodes_outside_every_pool_have_gone() -> None:
    """The second record of them changed no verdict, so that its look wrote none, and lived."""
    bad = judgement("strays", S.NON_COMPLIANT, "NodesOutsidePools")
    made = judged()
    outside(made, disabled=3)
    see(made, of_cluster=(bad,))
    another_look(made)
    outside(made, disabled=2)
    another_look(made)
    see(made)
    found = assessed(made)

    assert next(iter(found.clusters)).findings == ()
    assert changes(found) == [("create", "NodesOutsidePools"), ("close", "NodesOutsidePools")]


def test_nodes_that_belie_a_verdict_that_was_bad_and_then_do_not_leave_it_as_it_was() -> None:
    made = judged(replace(PROVEN, state=S.UNKNOWN, reason="NodesUnanswered"))
    made.prove(PAY, "apps", made.at, disagreeing=("aks-apps-1",))
    another_look(made)
    made.prove(PAY, "apps", made.at, missing=1)
    found = assessed(made)

    assert pool(found) == (S.UNKNOWN, "NodesUnanswered")
    assert changes(found) == [("create", "NodesUnanswered"), ("update", "NodesDisagree"), ("update", "NodesUnanswered")]


def test_without_the_policy_nodes_outside_every_pool_are_judged_by_the_languages_defaults() -> None:
    made = judged()
    made.origin = replace(made.origin, policy="0" * 64)
    see(made)
    made.origin = replace(made.origin, look="look-3")
    outside(made, disabled=3)

    assert next(one for one in assessed(made).clusters).state is S.NON_COMPLIANT


@pytest.mark.parametrize("own", [True, False])
def test_what_waited_to_be_judged_is_as_old_as_the_proof_unless_its_own_look_judges_it(*, own: bool) -> None:
    made = judged()
    made.prove(PAY, "apps", made.at, missing=1)
    asked = made.at
    if not own:
        made.origin, made.at = replace(made.origin, look="look-3"), NOW - timedelta(hours=1)
    late = NOW - timedelta(minutes=30)
    see(made, judgement("proof", S.UNKNOWN, "NodesUnanswered", "1 of 3 is silent.", late))
    found = assessed(made)

    ((_, one),) = found.pools()
    assert pool(found) == (S.UNKNOWN, "NodesUnanswered")
    assert (one.since, one.decisive.since) == ((late, late) if own else (asked, asked))
