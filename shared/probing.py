"""Asks nodes by pods: makes what is missing, reads what is there, and deletes it all in the end.

What is to be done follows from the cluster and the proof's id alone, so a look may end anywhere and the next one goes
on: a pod that is there is not made again, and one of another proof, node or boot is not looked at. Only namespaces that
carry our label are ever used or deleted, and with them goes whatever is in them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from shared.domain import probes
from shared.domain.answers import Answer, ProbePod, read_answer, read_pod
from shared.domain.api_server import Answered, Way, read_all, refused
from shared.domain.by_command import TOGETHER
from shared.domain.model import Unreadable
from shared.domain.probes import Method, Question
from shared.domain.proven import Probing
from shared.ports import KubernetesApi

AT_ONCE = 500
"""So many pods at most are there without having answered: what the API server and the registry have to bear."""
BY_COMMAND = 2 * TOGETHER
"""And where each command of AKS run command makes some of them, and a look has to end."""
STALLED = timedelta(minutes=3)
"""How long a proof waits without another node having answered."""
_BUSY = "The namespace {} of an earlier proof is still being deleted."


@dataclass(frozen=True, slots=True)
class Probes:
    """The pods of one proof in one cluster."""

    api: KubernetesApi
    check: Callable[[], None]
    """Raises LeaseLostError unless the cluster is still ours to work on; asked before anything is made or deleted."""

    def ask(self, probing: Probing, questions: Sequence[Question]) -> Mapping[str, Answer]:
        """Return what each node has answered so far, by its name, having asked those that nobody asked yet."""
        answers: dict[str, Answer] = {}
        for method in Method:
            of_method = [one for one in questions if one.method is method]
            if of_method:
                answers |= self._ask(probing, method, of_method)
        return answers

    def _ask(self, probing: Probing, method: Method, questions: Sequence[Question]) -> dict[str, Answer]:
        pods = self._pods(probing, method)
        if isinstance(pods, Unreadable):
            return {one.node.name: _unasked(one, pods) for one in questions}
        answers = {
            one.node.name: read_answer(one, pod, probing.id, probing.began)
            for one in questions
            if (pod := pods.get(one.pod(probing.id)))
        }
        waiting = sum(answer.waits for answer in answers.values())
        unasked = [one for one in questions if one.node.name not in answers]
        most = BY_COMMAND if self.api.way is Way.RUN_COMMAND else AT_ONCE
        room = max(most - waiting, 0)
        answers |= self._create(probing, method, unasked[:room])
        later = Unreadable("Later", "others are asked first", STALLED)
        return answers | {one.node.name: _unasked(one, later) for one in unasked[room:]}

    def _pods(self, probing: Probing, method: Method) -> dict[str, ProbePod] | Unreadable:
        """Return the pods of the proof by name, having made their namespace if it is not there."""
        there = self._namespace(method)
        if isinstance(there, Unreadable):
            return there
        selector = quote(f"{probes.PROOF_LABEL}={probing.id}", safe="")
        path = f"{_pods_path(method)}?labelSelector={selector}"
        found = read_all(self.api.get, path, read_pod, "pods")
        return found if isinstance(found, Unreadable) else {pod.name: pod for pod in found}

    def _namespace(self, method: Method) -> Unreadable | None:
        name = method.namespace
        found = self.api.get(_path(name))
        if isinstance(found, Unreadable):
            return found
        if found.status == 404:
            self.check()
            (found,) = self.api.send("POST", [("/api/v1/namespaces", probes.namespace(name))])
            if isinstance(found, Unreadable):
                return found
        if not found.ok:
            return refused(found, f"read or create the namespace {name}")
        if not _ours(found):
            owner = next(iter(probes.OWNER.items()))
            message = f"The namespace {name} is somebody else's: it has no label {owner[0]}={owner[1]}."
            return Unreadable("NamespaceTaken", message, None)
        if _terminating(found):
            return Unreadable("NamespaceTerminating", _BUSY.format(name), STALLED)
        return None

    def _create(self, probing: Probing, method: Method, questions: Sequence[Question]) -> dict[str, Answer]:
        if not questions:
            return {}
        self.check()
        sent = [(_pods_path(method), probes.pod(one, probing.id)) for one in questions]
        answers = self.api.send("POST", sent)
        return {one.node.name: _created(one, answer) for one, answer in zip(questions, answers, strict=True)}

    def delete(self) -> Unreadable | None:
        """Delete every namespace of ours with all that is in it; say why one could not be deleted."""
        kept = [found for name in probes.NAMESPACES if (found := self._delete(name))]
        return kept[0] if kept else None

    def _delete(self, name: str) -> Unreadable | None:
        found = self.api.get(_path(name))
        if isinstance(found, Unreadable):
            return found
        if found.status == 404 or (found.ok and (not _ours(found) or _terminating(found))):
            return None
        if not found.ok:
            return refused(found, f"read the namespace {name}")
        self.check()
        uid = _metadata(found).get("uid")
        options = {"apiVersion": "v1", "kind": "DeleteOptions", **({"preconditions": {"uid": uid}} if uid else {})}
        (answer,) = self.api.send("DELETE", [(_path(name), options)])
        # 409: it is another one by now, or is being deleted already; the next proof sees which.
        if isinstance(answer, Unreadable) or answer.ok or answer.status in (404, 409):
            return answer if isinstance(answer, Unreadable) else None
        return refused(answer, f"delete the namespace {name}")


def settled(answers: Iterable[Answer], probing: Probing, now: datetime) -> bool:
    """Say whether nothing more is to be waited for."""
    return now - probing.moved >= STALLED or not any(answer.waits for answer in answers)


def _created(one: Question, answer: Answered | Unreadable) -> Answer:
    if isinstance(answer, Unreadable):
        return _unasked(one, answer)
    if answer.ok or answer.status == 409:
        # 409: an earlier look made it, and its list came before.
        return _silent(one, "the pod was made a moment ago", waits=True)
    if "cannot create" in answer.message:
        # Kubernetes' words for a missing right; a quota, or admission, that says no is another 403.
        return _unasked(one, refused(answer, "create pods"))
    passes = answer.status in (404, 408, 429) or answer.status >= 500
    return _silent(one, f"its pod was refused ({answer.status}): {answer.message[:250]}", waits=passes)


def _unasked(one: Question, why: Unreadable) -> Answer:
    return _silent(one, f"{why.reason}: {why.message}", waits=why.retry_after is not None)


def _silent(one: Question, why: str, *, waits: bool) -> Answer:
    node = one.node
    return Answer(node.name, node.uid, node.boot, one.method, why=why, waits=waits)


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}"


def _pods_path(method: Method) -> str:
    return f"{_path(method.namespace)}/pods"


def _ours(found: Answered) -> bool:
    labels = _metadata(found).get("labels")
    return isinstance(labels, dict) and probes.OWNER.items() <= labels.items()


def _terminating(found: Answered) -> bool:
    return bool(_metadata(found).get("deletionTimestamp"))


def _metadata(found: Answered) -> Mapping[str, Any]:
    metadata = found.body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
