"""What is recorded of an operation of ours: the intent before it, its answer and its end; each once."""

from dataclasses import replace
from datetime import datetime

from shared.chain import Chain
from shared.domain.bodies import Intent, Outcome
from shared.domain.budget import Place
from shared.domain.ends import ENDS
from shared.domain.model import Cluster, Unreadable
from shared.domain.operation import Accepted, Operation, OperationRead, OutcomeState, Refused
from shared.domain.planned import Action, ActionKind, Method
from shared.domain.posture import Posture
from shared.domain.records import Record, RecordKind

Answer = Accepted | Refused | OperationRead | Unreadable | None
"""What ARM said of an operation, if anything: the record names its ids."""


def record_intent(
    chain: Chain, operation: Operation, action: Action, cluster: Cluster, posture: Posture, place: Place
) -> Record:
    """Record what is about to be begun, by whose word and why."""
    verdict = next(pool for pool in posture.pools if pool.pool == action.pool)
    body = Intent(
        pool=action.pool,
        action=action.kind,
        method=action.method,
        target=action.on,
        if_match="" if action.method is Method.CREATE else action.etag,
        if_none_match="*" if action.method is Method.CREATE else "",
        body=action.body,
        client_request_id=operation.intent,
        changes=action.changes,
        approvals=place.approvals,
        rule=verdict.rule,
        line=verdict.line,
        mode=verdict.mode,
        location=cluster.location,
    )
    return chain.append(RecordKind.INTENT, operation.at, body, operation.intent)


def record_outcome(
    chain: Chain, at: datetime, operation: Operation, state: OutcomeState, message: str, answer: Answer = None
) -> Record:
    """Record what became of an operation; return the record that another worker wrote, if he was first."""
    said = answer if isinstance(answer, Accepted | Refused | OperationRead) else Accepted("", "")
    body = Outcome(
        pool=operation.pool,
        action=operation.kind,
        method=operation.method,
        target=operation.on,
        intent=operation.intent,
        intent_seq=operation.intent_seq,
        outcome=state,
        message=message,
        correlation_id=said.correlation_id,
        request_id=said.request_id,
    )
    # One id for the answer and one for the end: who comes second finds the first one's record instead of
    # writing another.
    part = "end" if state in ENDS.values() else "answer"
    return chain.append(RecordKind.OUTCOME, at, body, f"{operation.intent}.{part}")


def close_foreign_intents(chain: Chain, own: Operation | None, at: datetime) -> bool:
    """Record an outcome for intents of workers that lost their lease: they would stay open for ever.

    Such an intent was written after somebody else had claimed the cluster, so its fence failed and nothing was
    sent; or its memory was lost with the rollout row. `unknown` is true of both. Returns whether there were any.
    """
    foreign = [record for record in chain.open_intents() if own is None or record.id != own.intent]
    for record in foreign:
        said = record.payload
        kind, pool, etag = ActionKind(said["action"]), str(said["pool"]), str(said["ifMatch"])
        lost = Operation(record.id, kind, pool, etag, at, said["changes"], intent_seq=record.seq)
        # Records of versions that only updated don't name a method.
        method, target = Method(said.get("method", Method.UPDATE)), str(said.get("target", pool))
        lost = replace(lost, method=method, target="" if target == pool else target)
        record_outcome(chain, at, lost, OutcomeState.UNKNOWN, "Its worker lost the lease; nothing else is known.")
    return bool(foreign)
