"""The queue message `reconcile`: a cluster and a cause, and nothing that a decision could lean on."""

import json
from dataclasses import dataclass

from shared.domain.ids import ClusterId
from shared.errors import TerminalError


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """Look at this cluster; lost, repeated, late or reordered requests do no harm."""

    cluster: ClusterId
    cause: str
    """Why it was queued; for the record only."""

    def to_json(self) -> str:
        """Return the message's text."""
        return json.dumps({"v": 1, "cluster": self.cluster.arm_id, "cause": self.cause[:500]})

    @classmethod
    def from_json(cls, text: str) -> "ReconcileRequest":
        """Read a message; raises TerminalError for one that no repetition can make readable."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _unreadable(f"it is not JSON ({error})", text) from error
        if not isinstance(message, dict) or message.get("v") != 1:
            raise _unreadable("it is not an object with `v` 1", text)
        if "cluster" not in message:
            raise _unreadable("it names no `cluster`", text)
        try:
            return cls(ClusterId.parse(str(message["cluster"])), str(message.get("cause", "")))
        except ValueError as error:
            raise _unreadable(f"`cluster`: {error}", text) from error


def _unreadable(why: str, text: str) -> TerminalError:
    remedy = 'Write {"v": 1, "cluster": "<ARM id>", "cause": "<why>"}, or let `fipswarden look` do it.'
    return TerminalError(
        f"A message of the queue `reconcile` is not a reconcile request: {why}. {remedy} It reads: {text[:300]}"
    )
