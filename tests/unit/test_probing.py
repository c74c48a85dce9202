"""Before anything is made or deleted in a cluster, the lease is asked; what is not ours is not touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.answers import Answer
from shared.domain.api_server import Answered, Way
from shared.domain.model import Unreadable
from shared.domain.probes import NAMESPACES, OWNER, Method, Question
from shared.domain.proven import Probing
from shared.errors import LeaseLostError
from shared.probing import AT_ONCE, BY_COMMAND, STALLED, Probes, settled
from tests.builders import NOW, nodes

PROBING = Probing("0a1b2c3d", NOW, NOW)
OURS = Answered(200, {"metadata": {"labels": OWNER, "uid": "u-1"}})
NOT_FOUND = Answered(404, {})
EMPTY = Answered(200, {"items": [], "metadata": {}})


@dataclass
class Server:
    """An API server that answers for its namespaces and keeps what it is sent."""

    namespace: Answered | Unreadable = OURS
    answer: Answered | Unreadable = OURS
    way: Way = Way.ENTRA
    sent: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def get(self, path: str) -> Answered | Unreadable:
        return EMPTY if "/pods" in path else self.namespace

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        self.sent += [(method, path, body) for path, body in requests]
        return (self.answer,) * len(requests)


def questions(count: int) -> tuple[Question, ...]:
    return tuple(Question(one, Method.KERNEL, "busybox") for one in nodes(count))


def lost() -> None:
    raise LeaseLostError("somebody else works on it")


def held() -> None:
    """The lease is ours."""


@pytest.mark.parametrize("namespace", [OURS, NOT_FOUND])
def test_without_the_lease_nothing_is_made(namespace: Answered) -> None:
    server = Server(namespace)

    with pytest.raises(LeaseLostError):
        Probes(server, lost).ask(PROBING, questions(3))

    assert server.sent == []


def test_without_the_lease_nothing_is_deleted() -> None:
    server = Server()

    with pytest.raises(LeaseLostError):
        Probes(server, lost).delete()

    assert server.sent == []


def test_a_namespace_is_deleted_only_as_the_one_that_was_seen() -> None:
    server = Server()

    assert Probes(server, held).delete() is None

    assert [path for _, path, _ in server.sent] == [f"/api/v1/namespaces/{name}" for name in NAMESPACES]
    assert all(body["preconditions"] == {"uid": "u-1"} for _, _, body in server.sent)


@pytest.mark.parametrize(
    "namespace",
    [
        NOT_FOUND,
        Answered(200, {"metadata": {"labels": {}}}),
        Answered(200, {"metadata": {}}),
        Answered(200, {}),
        Answered(200, {"metadata": {"labels": OWNER, "deletionTimestamp": "2026-11-23T09:30:04Z"}}),
    ],
)
def test_what_is_gone_going_or_somebody_else_s_is_left_alone(namespace: Answered) -> None:
    server = Server(namespace)

    assert Probes(server, held).delete() is None
    assert server.sent == []


@pytest.mark.parametrize(
    ("namespace", "answer", "kept"),
    [
        (Unreadable("Unreachable", "away", STALLED), OURS, True),
        (Answered(403, {}), OURS, True),
        (OURS, Unreadable("Unreachable", "away", STALLED), True),
        (OURS, Answered(500, {}), True),
        (OURS, Answered(404, {}), False),
        (OURS, Answered(409, {}), False),
        (OURS, Answered(202, {}), False),
    ],
)
def test_what_could_not_be_deleted_is_said(
    namespace: Answered | Unreadable, answer: Answered | Unreadable, *, kept: bool
) -> None:
    assert (Probes(Server(namespace, answer), held).delete() is not None) is kept


@pytest.mark.parametrize(("way", "most"), [(Way.ENTRA, AT_ONCE), (Way.RUN_COMMAND, BY_COMMAND)])
def test_so_many_pods_are_made_at_once_and_the_rest_waits(way: Way, most: int) -> None:
    server = Server(way=way)

    found = Probes(server, held).ask(PROBING, questions(AT_ONCE + 7))

    assert len(server.sent) == most
    assert len(found) == AT_ONCE + 7
    assert all(answer.waits for answer in found.values())


@pytest.mark.parametrize(
    ("answer", "waits", "words"),
    [
        (Answered(201, {}), True, "a moment ago"),
        (Answered(409, {}), True, "a moment ago"),
        (
            Answered(403, {"message": 'pods is forbidden: User "x" cannot create resource "pods"'}),
            False,
            "may not create",
        ),
        (Answered(403, {"message": "exceeded quota: q"}), False, "exceeded quota: q"),
        (Answered(422, {"message": "invalid"}), False, "refused (422): invalid"),
        (Answered(404, {"message": "namespace"}), True, "refused (404)"),
        (Answered(429, {}), True, "refused (429)"),
        (Answered(500, {}), True, "refused (500)"),
        (Unreadable("Unreachable", "away", STALLED), True, "away"),
    ],
)
def test_a_pod_that_was_not_made_says_why_and_whether_to_wait(
    answer: Answered | Unreadable, *, waits: bool, words: str
) -> None:
    (found,) = Probes(Server(answer=answer), held).ask(PROBING, questions(1)).values()

    assert (found.fips, found.waits) == (None, waits)
    assert words in found.why


@pytest.mark.parametrize(
    ("waits", "age", "over"),
    [
        (False, timedelta(), True),
        (True, timedelta(), False),
        (True, STALLED - timedelta(seconds=1), False),
        (True, STALLED, True),
    ],
)
def test_a_proof_ends_when_all_is_said_or_nobody_says_anything_any_more(
    *, waits: bool, age: timedelta, over: bool
) -> None:
    answer = Answer("n", "u", "b", Method.KERNEL, waits=waits)

    assert settled([answer], PROBING, NOW + age) is over
