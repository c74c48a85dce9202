"""What became of a person's request, and the record of it."""

from dataclasses import dataclass

from shared.domain.bodies import RequestRecord, Stage
from shared.domain.memory import Memory
from shared.domain.model import Cluster, Pool
from shared.domain.operation import Accepted, OutcomeState, Refused
from shared.domain.people import Request
from shared.domain.records import RecordKind
from shared.look import Look


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    outcome: OutcomeState
    message: str
    memory: Memory | None = None
    """What is remembered from now on; None if nothing changes. It is saved after the answer was recorded."""
    said: Accepted | Refused | None = None
    """What ARM said to it, if it was asked."""


def record_request(
    look: Look, request: Request, stage: Stage, answer: Answer | None = None, *, operation: str = ""
) -> None:
    """Record a stage of a request once: whoever comes second finds the first one's record."""
    look.hold.check()
    said = answer.said if answer else None
    body = RequestRecord(
        request=request.id,
        asks=request.kind,
        pool=request.pool,
        by=request.by,
        asked=request.at,
        stage=stage,
        outcome=answer.outcome if answer else None,
        message=answer.message if answer else "",
        operation=operation,
        correlation_id=said.correlation_id if said else "",
        request_id=said.request_id if said else "",
    )
    look.chain.append(RecordKind.REQUEST, look.ports.clock.now(), body, f"{request.id}.{stage}")


def pool_named(read: Cluster, name: str) -> Pool | None:
    """Return a cluster's node pool by its name; None if there is none."""
    return next((pool for pool in read.pools if pool.name == name), None)
