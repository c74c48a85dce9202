"""What people allow or stop: each word stands in the budget, a look does the rest, and all are told who said it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cli.main import main
from shared import bootstrap
from shared.budget import change, read_budget
from shared.domain.budget import Approval, Ended, Place
from shared.domain.budget_news import learnt
from shared.domain.model import Mode
from shared.domain.people import DecisionKind
from shared.domain.places import agreed
from shared.domain.plan import plan
from shared.domain.planned import Deferral
from shared.domain.policy import Breaker
from shared.domain.posture import Posture
from shared.domain.records import Head
from shared.postures import StoredPosture, commit
from tests.builders import ANA, NOW, OTHER_SUBSCRIPTION, book, cluster, cluster_id, disabled, judged, situation
from tests.unit.test_cli import App, Printed, app

__all__ = ["app"]

ID = cluster_id().arm_id
APPROVING = book(Mode.APPROVE)
READ = cluster(disabled())
WAITING = plan(situation(READ, rules=APPROVING)).deferrals


def looked(app: App, posture: Posture | None = None, deferrals: tuple[Deferral, ...] = WAITING) -> None:
    """A look has committed what it deferred."""
    stored = StoredPosture(Head(3), posture or judged(READ, rules=APPROVING), deferrals, due=NOW + timedelta(hours=1))
    commit(app.tables["posture"], cluster_id(), stored)


class TestApprove:
    """`fipswarden approve CLUSTER POOL`."""

    def test_it_is_a_word_for_exactly_what_waits(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        looked(app)

        assert main(["approve", ID, "apps"]) == 0

        budget = read_budget(app.tables["rollout"])
        assert budget.approvals == {
            WAITING[0].approval: Approval(
                ANA,
                NOW,
                NOW + timedelta(days=7),
                "rg-pay/aks-pay/apps: enable fips on apps (enableFIPS = true; 3 nodes)",
                f"{cluster_id().key}|apps",
            )
        }
        assert plan(situation(READ, rules=APPROVING, budget=budget)).action is not None, "and it is done"
        assert Printed(capsys).out == (
            "approved until 2026-11-30 09:30 UTC, for exactly this: enable fips on apps (enableFIPS = true; 3 nodes)\n"
        )

    def test_of_a_pool_that_is_not_there_the_others_are_named(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked(app, judged(cluster(disabled(), disabled("batch"))))

        assert main(["approve", "rg-pay/aks-pay", "nosuchpool"]) == 64
        assert Printed(capsys).err == (
            "fipswarden: the app knows no node pool nosuchpool of rg-pay/aks-pay; it has: apps, batch\n"
        )

    def test_the_cluster_is_looked_at_and_everybody_is_told(self, app: App) -> None:
        looked(app)

        main(["approve", "rg-pay/aks-pay", "APPS", "--days", "2"])

        assert [(one.request.cluster, one.request.cause) for one in app.queue.messages] == [
            (cluster_id(), f"cli: {ANA} approved")
        ]
        (alert,) = app.alerts.sent
        assert (alert.reason, alert.severity) == ("Approved", "info")
        assert alert.text.startswith(
            f"Approved by ana ({ANA}) until 2026-11-25: rg-pay/aks-pay/apps: enable fips on apps"
        )

    @pytest.mark.parametrize(
        ("deferrals", "said"),
        [
            ((), "nothing on rg-pay/aks-pay/apps waits for an approval; see"),
            ((Deferral("apps", "Paused", "A person paused."),), "waits for an approval: Paused, A person paused.; see"),
            ((Deferral("apps", "PolicyNotApproved", "Changed.", approval="p1"),), ": PolicyNotApproved, Changed.; see"),
            ((replace(WAITING[0], pool="batch"),), "nothing on rg-pay/aks-pay/apps waits for an approval; see"),
        ],
    )
    def test_what_does_not_wait_for_it_cannot_be_approved(
        self, deferrals: tuple[Deferral, ...], said: str, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked(app, deferrals=deferrals)

        assert main(["approve", ID, "apps"]) == 64

        assert said in Printed(capsys).err
        assert read_budget(app.tables["rollout"]).approvals == {}
        assert (app.queue.messages, app.alerts.sent) == ([], [])

    @pytest.mark.parametrize("days", ["0", "-1", "91", "x", "", "9" * 9999, "1.5"])
    def test_it_holds_for_a_while_and_not_for_ever(
        self, days: str, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked(app)

        assert main(["approve", ID, "apps", f"--days={days}"]) == 64
        assert "an approval holds 1 to 90 days" in Printed(capsys).err
        assert read_budget(app.tables["rollout"]).approvals == {}

    def test_what_is_no_pool_is_said_to_be_none(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        looked(app)

        assert main(["approve", ID, "no pool"]) == 64
        assert Printed(capsys).err == "fipswarden: 'no pool' is not the name of a node pool\n"

    def test_nor_can_one_be_that_nobody_looks_after(
        self, app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked(app)
        monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

        assert main(["approve", ID, "apps"]) == 64
        assert "is not looked at" in Printed(capsys).err

    def test_said_again_it_holds_anew_and_is_one_word(self, app: App) -> None:
        looked(app)

        for days in ("1", "30"):
            main(["approve", ID, "apps", "--days", days])

        budget = read_budget(app.tables["rollout"])
        assert len(budget.approvals) == 1
        assert agreed(budget, WAITING[0].approval, NOW + timedelta(days=29))


class TestRevoke:
    """`fipswarden revoke CLUSTER POOL`."""

    def test_what_was_approved_waits_again_and_all_are_told_who_took_it_back(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked(app)
        main(["approve", ID, "apps"])
        capsys.readouterr()

        assert main(["revoke", "rg-pay/aks-pay", "APPS"]) == 0
        budget = read_budget(app.tables["rollout"])
        assert budget.approvals == {}
        assert plan(situation(READ, rules=APPROVING, budget=budget)).deferrals == WAITING
        step = "rg-pay/aks-pay/apps: enable fips on apps (enableFIPS = true; 3 nodes)"
        assert Printed(capsys).out == f"taken back, and has to be approved anew: {step}\n"
        decision = budget.decisions[-1]
        assert (decision.decision, decision.by, decision.what) == (DecisionKind.REVOKE, ANA, step)
        assert decision.fingerprint == WAITING[0].approval
        assert [alert.reason for alert in app.alerts.sent] == ["Approved", "Revoked"]
        assert [one.request.cluster for one in app.queue.messages] == [cluster_id()] * 2

    def test_of_another_pool_or_cluster_nothing_is_taken_back(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked(app)
        main(["approve", ID, "apps"])

        assert main(["revoke", ID, "batch"]) == 64
        assert main(["revoke", cluster_id("aks-media").arm_id, "apps"]) == 64
        assert "nothing on rg-pay/aks-media/apps is approved and not used" in Printed(capsys).err
        assert len(read_budget(app.tables["rollout"]).approvals) == 1

    def test_what_has_ended_cannot_be_taken_back(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        looked(app)
        main(["approve", ID, "apps", "--days", "1"])
        monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW + timedelta(days=1))

        assert main(["revoke", ID, "apps"]) == 64
        assert [one.decision for one in read_budget(app.tables["rollout"]).decisions] == [DecisionKind.APPROVE]

    def test_what_is_used_is_left_to_what_stops_it(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        looked(app)
        main(["approve", ID, "apps"])
        budget = read_budget(app.tables["rollout"])
        place = Place("i1", "apps", cluster_id().subscription, 3, NOW, budget.approvals)
        change(app.tables["rollout"], lambda found: replace(found, approvals={}, places={cluster_id().key: place}))

        assert main(["revoke", ID, "apps"]) == 64
        assert "the approval of rg-pay/aks-pay/apps is used: what it allowed is being done" in Printed(capsys).err
        assert read_budget(app.tables["rollout"]).places[cluster_id().key].approvals == budget.approvals

    @pytest.mark.usefixtures("app")
    def test_what_is_no_pool_is_said_to_be_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["revoke", ID, "no pool"]) == 64
        assert Printed(capsys).err == "fipswarden: 'no pool' is not the name of a node pool\n"


class TestBreaker:
    """`fipswarden breaker reset`."""

    def broken(self, app: App) -> None:
        ended = Ended("i1", NOW, failed=True)
        change(app.tables["rollout"], lambda budget: learnt(budget, ended, Breaker(least=1)))

    def test_a_reset_lets_remediations_go_on_and_tells_who_and_why(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.broken(app)
        looked(app)

        assert main(["breaker", "reset", "--reason", "quota raised"]) == 0

        assert read_budget(app.tables["rollout"]).broken == ""
        assert [one.request.cluster for one in app.queue.messages] == [cluster_id()]
        (alert,) = app.alerts.sent
        assert alert.reason == "BreakerReset"
        assert f"by ana ({ANA}): quota raised" in alert.text
        assert "1 of the last 1 remediations failed" in alert.text
        assert Printed(capsys).out == "reset; 1 cluster will be looked at now\n"

    def test_where_it_is_closed_nothing_is_done(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        looked(app)

        assert main(["breaker", "reset", "--reason", "to be sure"]) == 0

        assert (app.queue.messages, app.alerts.sent) == ([], [])
        assert "the breaker is closed" in Printed(capsys).out

    def test_without_a_reason_it_stays_open(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        self.broken(app)

        with pytest.raises(SystemExit) as caught:
            main(["breaker", "reset"])

        assert caught.value.code == 64
        assert "--reason" in Printed(capsys).err
        assert read_budget(app.tables["rollout"]).broken

    def test_it_stands_at_the_top_of_the_posture(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        self.broken(app)

        main(["posture"])

        assert Printed(capsys).out.splitlines()[0] == (
            "1 of the last 1 remediations failed: everything is stopped. It goes on after `fipswarden breaker reset`."
        )


class TestPause:
    """`fipswarden pause` and `resume`."""

    def test_both_are_told(self, app: App) -> None:
        main(["pause", "--reason", "incident 7"])
        main(["resume"])

        assert [(alert.reason, alert.text) for alert in app.alerts.sent] == [
            ("Paused", f"Paused by ana ({ANA}): incident 7. What runs goes on to its end."),
            ("Resumed", f"Resumed by ana ({ANA}); paused by {ANA}: incident 7."),
        ]

    def test_a_second_pause_says_whose_the_first_is_and_changes_nothing(
        self, app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["pause", "--reason", "incident 7"])
        monkeypatch.setenv("USER", "bob")
        monkeypatch.setenv("LOGNAME", "bob")

        assert main(["pause", "--reason", "mine too"]) == 0

        assert f"it was paused already, by {ANA}: incident 7" in Printed(capsys).out
        assert read_budget(app.tables["rollout"]).paused_by == f"{ANA}: incident 7"
        assert len(app.alerts.sent) == 1

    def test_to_resume_what_was_not_paused_is_nothing(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        looked(app)

        assert main(["resume"]) == 0

        assert Printed(capsys).out == "it was not paused\n"
        assert (app.queue.messages, app.alerts.sent) == ([], [])


def test_the_posture_of_a_cluster_says_why_a_pool_is_not_remediated(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app)

    main(["posture", ID])

    before, title, line = Printed(capsys).out.splitlines()[-3:]
    assert (before, title) == ("", "not remediated")
    assert line.startswith("  apps (ApprovalMissing): enable fips on apps")
    assert line.endswith("Until 2026-11-23 10:30 UTC.")
