"""What ARM's refusals mean: a row a test, both shapes of body, and a wait that is never longer than an hour."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.arm_errors import (
    ENDED,
    TABLE,
    UNDECIDED,
    classify,
    classify_end,
    code_and_text,
    retry_after,
)
from shared.domain.culprits import culprit
from tests.builders import DATA, NOW
from tests.unit.strategies import any_text, json_values

CAPTURED = json.loads((DATA / "arm" / "errors.real_and_documented.json").read_text())["errors"]
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

ROWS = [
    (400, "PropertyChangeNotAllowed", "", "PropertyChangeNotAllowed", None),
    (400, "UnsatisfiablePDB", "", "PdbBlocked", None),
    (400, "QuotaExceeded", "", "QuotaExceeded", None),
    (400, "ErrCode_InsufficientVCPUQuota", "", "QuotaExceeded", None),
    (400, "SubnetIsFull", "", "SubnetFull", None),
    (400, "InsufficientSubnetSize", "", "SubnetFull", None),
    (400, "SkuNotAvailable", "", "AllocationFailed", None),
    (400, "BadRequest", "Resource 'x' was disallowed by policy.", "PolicyDenied", None),
    (401, "InvalidAuthenticationToken", "", "Unauthenticated", MINUTE),
    (403, "RequestDisallowedByPolicy", "", "PolicyDenied", None),
    (403, "AuthorizationFailed", "", "Forbidden", None),
    (404, "ResourceNotFound", "", "NotFound", None),
    (404, "ResourceGroupNotFound", "", "NotFound", None),
    (404, "SubscriptionNotFound", "", "SubscriptionNotFound", None),
    (404, "Other", "", "NotFound", None),
    (408, "", "", "Timeout", 30 * SECOND),
    (409, "ScopeLocked", "", "Locked", None),
    (409, "OperationNotAllowed", "The cluster is Stopped.", "Stopped", None),
    (409, "OperationNotAllowed", "Another operation (Updating) is in progress", "ClusterBusy", MINUTE),
    (409, "AnotherOperationInProgress", "", "ClusterBusy", MINUTE),
    (409, "EtagMismatch", "Another operation is in progress", "ClusterBusy", MINUTE),
    (409, "OperationNotAllowed", "exceeding approved Total Regional Cores quota", "QuotaExceeded", None),
    (412, "PreConditionFailed", "", "Changed", SECOND),
    (429, "Throttled", "", "Throttled", MINUTE),
    (500, "", "", "ServerError", 30 * SECOND),
    (502, "", "", "ServerError", 30 * SECOND),
    (503, "", "", "ServerError", 30 * SECOND),
    (504, "", "", "ServerError", 30 * SECOND),
]
ENDS = json.loads((DATA / "arm" / "ends.real_and_documented.json").read_text())["errors"]
NAMED = [end["case"] for end in ENDS]


@pytest.mark.parametrize(("status", "code", "text", "reason", "wait"), ROWS)
def test_each_refusal_has_a_reason_and_a_wait_in_both_shapes(
    status: int, code: str, text: str, reason: str, wait: timedelta | None
) -> None:
    own = {"code": code, "message": text, "subcode": ""}

    for body in (own, {"error": own}):
        found = classify(status, {}, body, NOW)
        assert (found.status, found.code, found.reason, found.retry_after) == (status, code, reason, wait)
        assert text in found.message


@pytest.mark.parametrize("end", ENDS, ids=NAMED)
def test_each_end_has_a_reason_and_names_what_it_is_about(end: dict[str, Any]) -> None:
    code, text = code_and_text(end["body"])

    found = classify_end(code, text, canceled=end["reason"] == "Canceled")

    assert found.reason == end["reason"]
    assert found.message.startswith(f"{code}: {text}"[:1900]), "what AKS said comes first, whole"
    assert end["names"] in found.message
    assert bool(culprit(found.reason, found.message)) == bool(end["names"])


@pytest.mark.parametrize("end", ENDS, ids=NAMED)
def test_an_end_reads_the_same_in_both_shapes(end: dict[str, Any]) -> None:
    inner = end["body"].get("error", end["body"])

    assert code_and_text(inner) == code_and_text({"error": inner})


@pytest.mark.parametrize("end", ENDS, ids=NAMED)
def test_every_end_says_where_it_comes_from_and_what_to_do_unless_nobody_knows(end: dict[str, Any]) -> None:
    assert end["source"]
    found = classify_end(*code_and_text(end["body"]), canceled=False)
    unknown = found.reason == "RemediationFailed"
    assert any(row.advice and found.message.endswith(row.advice) for row in TABLE) != unknown


def test_the_state_of_an_end_that_says_nothing_has_to_do() -> None:
    assert classify_end("", "The pool's provisioning state is Failed.", canceled=False).reason == "RemediationFailed"
    assert classify_end("", "The pool's provisioning state is Canceled.", canceled=True).reason == "Canceled"


@pytest.mark.parametrize("word", ["quota", "stopped", "scopelocked", "allocationfailed", "Quota.(1)"])
@pytest.mark.parametrize(
    ("status", "code", "text", "reason"),
    [
        (
            409,
            "OperationNotAllowed",
            "Another operation (Upgrading) is in progress on {id}, please wait.",
            "ClusterBusy",
        ),
        (403, "AuthorizationFailed", "The client 'x' may not perform action 'y' over scope '{id}'.", "Forbidden"),
        (403, "RequestDisallowedByPolicy", "Resource '{name}' was disallowed by policy.", "PolicyDenied"),
        (ENDED, "Other", "{id}: not ready", "RemediationFailed"),
    ],
)
def test_the_names_that_people_gave_are_no_words_of_an_error(
    status: int, code: str, text: str, reason: str, word: str
) -> None:
    arm_id = f"/subscriptions/s/resourceGroups/rg-{word}-pilot/providers/x/managedClusters/{word}"
    said = text.format(id=arm_id, name=word.replace("(1)", "1"))

    found = classify_end(code, said, canceled=False)
    if status != ENDED:
        found = classify(status, {}, {"error": {"code": code, "message": said}}, NOW)

    assert found.reason == reason
    assert said in found.message


def test_what_is_nested_is_read_as_far_as_it_helps() -> None:
    inner: dict[str, Any] = {"code": "SubnetIsFull", "message": "full"}
    for depth in range(3):
        inner = {"code": f"Outer{depth}", "message": "see details", "details": [None, "x", inner]}

    code, text = code_and_text({"error": inner})

    assert code == "Outer2"
    assert "SubnetIsFull: full" in text
    assert classify_end(code, text, canceled=False).reason == "SubnetFull"


def test_every_row_of_the_table_is_reached_by_a_test() -> None:
    said = [(status, f"{code} {text}") for status, code, text, _, _ in ROWS]
    said += [(ENDED, ": ".join(code_and_text(end["body"]))) for end in ENDS]
    reached = {next((row for row in TABLE if fits(row, status, text)), None) for status, text in said}
    assert reached - {None} == {*TABLE}


def fits(row: Any, status: int, text: str) -> bool:
    return status in row.statuses and (not row.words or any(word in text.lower() for word in row.words))


@given(st.sampled_from(sorted({row.reason for row in TABLE})), any_text)
def test_no_text_keeps_a_culprit_from_being_looked_for(reason: str, text: str) -> None:
    assert len(culprit(reason, text)) < 2_500


MEANINGS = (
    *("PropertyChangeNotAllowed", "ClusterBusy", "ClusterBusy", "Throttled"),
    *("BadRequest", "Changed", "Http400", "NotFound"),
)


@pytest.mark.parametrize(
    ("error", "reason"), [*zip(CAPTURED, MEANINGS, strict=True)], ids=[error["case"] for error in CAPTURED]
)
def test_every_captured_body_is_understood(error: dict[str, Any], reason: str) -> None:
    # Where no source states the status, it is that of a refusal.
    found = classify(error["http_status"] or 400, {}, error["body"], NOW)

    assert found.reason == reason
    inner = error["body"].get("error", error["body"])
    assert inner.get("message", "") in found.message


def test_a_refusal_that_is_not_in_the_table_is_terminal_with_arms_own_code() -> None:
    found = classify(418, {"Retry-After": "5"}, {"code": "Teapot", "message": "no"}, NOW)

    assert (found.reason, found.message, found.retry_after) == ("Teapot", "Teapot: no", None)


@pytest.mark.parametrize("body", [None, [], "x", {}, {"error": None}, {"error": "x"}, {"code": None, "message": None}])
def test_without_a_body_the_status_has_to_do(body: object) -> None:
    assert classify(418, {}, body, NOW).reason == "Http418"
    assert "HTTP 503" in classify(503, {}, body, NOW).message


def test_what_aks_said_comes_before_what_to_do() -> None:
    message = classify(403, {}, {"error": {"code": "AuthorizationFailed", "message": "No."}}, NOW).message

    assert message == "AuthorizationFailed: No. Assign the app's role on this subscription."


def test_a_gateways_answer_does_not_tell_whether_a_write_took_effect() -> None:
    assert {408, 500, 502, 503, 504} == UNDECIDED


class TestRetryAfter:
    """In seconds or as a date, and never for ever."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("5", 5 * SECOND),
            (" 60 ", MINUTE),
            ("0", timedelta()),
            ("3600", timedelta(hours=1)),
            ("3601", timedelta(hours=1)),
            ("99999999999999", timedelta(hours=1)),
            ("9" * 5_000, timedelta(hours=1)),
            ("Mon, 23 Nov 2026 09:31:04 GMT", MINUTE),
            ("Mon, 23 Nov 2026 09:31:04 -0000", MINUTE),
            ("Mon, 23 Nov 2026 10:31:04 +0100", MINUTE),
            ("Mon, 23 Nov 2026 09:00:00 GMT", timedelta()),
            ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=1)),
            ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_it_is_read_and_capped(self, value: str, expected: timedelta | None) -> None:
        assert retry_after({"Retry-After": value}, NOW) == expected

    def test_the_headers_name_has_no_case_and_may_be_missing(self) -> None:
        assert retry_after({"retry-after": "5"}, NOW) == 5 * SECOND
        assert retry_after({}, NOW) is None

    @given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 (made aware below)
    def test_a_date_waits_between_nothing_and_an_hour(self, at: datetime) -> None:
        found = retry_after({"Retry-After": format_datetime(at.replace(tzinfo=UTC), usegmt=True)}, NOW)

        assert found is not None
        assert timedelta() <= found <= timedelta(hours=1)

    @given(any_text)
    def test_no_text_raises(self, value: str) -> None:
        found = retry_after({"Retry-After": value}, NOW)

        assert found is None or timedelta() <= found <= timedelta(hours=1)

    def test_it_counts_where_coming_back_helps(self) -> None:
        assert classify(429, {"Retry-After": "7"}, None, NOW).retry_after == 7 * SECOND

    def test_it_does_not_count_where_coming_back_does_not_help(self) -> None:
        assert classify(403, {"Retry-After": "7"}, None, NOW).retry_after is None

    def test_a_wait_of_nothing_is_the_rows_own(self) -> None:
        assert classify(429, {"Retry-After": "0"}, None, NOW).retry_after == MINUTE


@given(st.integers(100, 599), st.dictionaries(any_text, any_text, max_size=3), json_values)
def test_whatever_arm_answers_it_is_classified(status: int, headers: dict[str, str], body: Any) -> None:
    found = classify(status, headers, body, NOW)

    assert found.reason
    assert found.message
    assert len(found.message) < 7_000
    assert found.retry_after is None or timedelta() < found.retry_after <= timedelta(hours=1)
