"""What is asked of an API server as a command line, and what `kubectl` printed as an answer."""

import json
from typing import Any

import pytest

from shared.domain.api_server import Answered
from shared.domain.by_command import OUTPUT, Printed, get_command, many, one, send_command, too_many
from shared.domain.model import Unreadable


def test_a_list_is_asked_for_by_pages_that_fit_into_an_output() -> None:
    assert get_command("/api/v1/nodes?limit=500&continue=abc") == (
        "kubectl get --raw '/api/v1/nodes?limit=20&continue=abc'"
    )


def test_of_our_own_pods_a_page_holds_more() -> None:
    assert "limit=50&" in get_command("/api/v1/namespaces/fipswarden-proof/pods?labelSelector=a&limit=500&continue=b")
    assert "limit=20" in get_command("/api/v1/namespaces/fipswarden/pods?limit=500")
    assert "limit=20" in get_command("/api/v1/pods?limit=500")


@pytest.mark.parametrize(
    ("nodes", "asked", "fit"),
    [
        (1, [1], True),
        (120, [120], True),
        (121, [121], False),
        (160, [16], True),
        (161, [17], False),
        (40, [20, 20], True),
        (60, [40, 20], True),
        (80, [60, 20], False),
        (240, [], True),
        (241, [], False),
    ],
)
def test_whether_one_look_can_ask_so_many_nodes_is_known_beforehand(nodes: int, asked: list[int], *, fit: bool) -> None:
    found = too_many(nodes, asked)

    assert (found is None) is fit
    assert found is None or (found.retry_after is None and str(nodes) in found.message)


@pytest.mark.parametrize("path", ["/x'; rm -rf /", "/x y", "/$(id)", "x", "/`id`", "/x\n", "/x;y", '/"x"', "/x|y", ""])
def test_a_path_that_could_be_more_than_a_path_never_gets_into_a_command(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        get_command(path)
    with pytest.raises(ValueError, match="no path"):
        send_command("POST", [(path, {})])


def test_bodies_are_files_and_nothing_of_them_is_in_the_command() -> None:
    made = send_command("POST", [("/a", {"x": "$(id)"}), ("/b", {"y": 2})])

    assert not isinstance(made, Unreadable)
    command, files = made
    assert command == (
        "kubectl create --raw '/a' -f 0.json; cat next.txt; kubectl create --raw '/b' -f 1.json; cat next.txt"
    )
    assert json.loads(files["0.json"]) == {"x": "$(id)"}
    assert set(files) == {"0.json", "1.json", "next.txt"}


def test_what_kubectl_can_not_send_raw_is_unreadable() -> None:
    assert isinstance(send_command("PATCH", [("/a", {})]), Unreadable)


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ('{"kind": "Node"}', Answered(200, {"kind": "Node"})),
        (
            'Error from server (NotFound): namespaces "x" not found\n',
            Answered(404, {"message": 'namespaces "x" not found'}),
        ),
        ("Error from server (Forbidden): no\n", Answered(403, {"message": "no"})),
        ("Error from server (AlreadyExists): x\n", Answered(409, {"message": "x"})),
        ("Error from server (Odd): x\n", Answered(500, {"message": "x"})),
    ],
)
def test_what_was_printed_is_the_answer(logs: str, expected: Answered) -> None:
    assert one(Printed(0, logs)) == expected


def test_a_missing_sign_in_is_told_as_such() -> None:
    found = one(Printed(1, "error: You must be logged in to the server (Unauthorized)"))

    assert isinstance(found, Answered)
    assert found.status == 401


@pytest.mark.parametrize(
    "logs",
    ["", "[1]", "[" * 100_000, "sh: kubectl: not found", "x" * OUTPUT, '{"a": "' + "x" * OUTPUT + '"}'],
)
def test_what_is_no_answer_or_may_have_been_cut_is_unreadable(logs: str) -> None:
    assert isinstance(one(Printed(0, logs)), Unreadable)


def test_of_many_bodies_each_gets_its_own_answer_and_the_rest_of_a_cut_output_none() -> None:
    logs = '{"a": 1}\nfipswarden-next\nError from server (Conflict): x\n\nfipswarden-next\n{"b":'

    found: tuple[Any, ...] = many(Printed(1, logs), 3)

    assert found[:2] == (Answered(200, {"a": 1}), Answered(409, {"message": "x"}))
    assert isinstance(found[2], Unreadable)
    assert found[2].retry_after is not None
