"""The last part of a look: writes the posture row, which makes it count, and tells people and the budget."""

from dataclasses import replace
from datetime import datetime

from shared.budget import change
from shared.domain import alerts
from shared.domain.budget import Budget
from shared.domain.budget_news import by_texts, seen
from shared.domain.memory import Memory
from shared.domain.model import ClusterRead, Gone
from shared.domain.planned import Plan
from shared.domain.posture import Posture
from shared.domain.remediated import followed
from shared.domain.rulebook import Rulebook
from shared.look import Look
from shared.operation_records import close_foreign_intents
from shared.postures import StoredPosture, commit, control_digest, digest
from shared.remediation import Remediation


def commit_look(
    look: Look,
    remediation: Remediation,
    read: ClusterRead,
    posture: Posture,
    plan: Plan,
    rules: Rulebook,
    budget: Budget,
    due: datetime,
) -> None:
    """Write the posture row if it says anything new, or was due; then nothing of this look can be lost."""
    remediation.remember_passed()
    if not isinstance(read, Gone):
        look.recall(read)
    told = look.stored
    before = alerts.Before(told.posture, told.begun, told.deferrals, told.owed)
    news = alerts.news(look.cluster, before, posture, plan, look.memory, look.chain.head.seq, budget.broken)
    digested, control = digest(read, posture, plan, rules), control_digest(read, rules, posture.at)
    same = (look.chain.head, digested, control) == (told.head, told.digest, told.control)
    if same and not news and told.due and told.due > posture.at:
        return
    look.hold.check()
    if close_foreign_intents(look.chain, look.memory.operation, look.ports.clock.now()):
        look.hold.check()
    running = alerts.running(look.memory)
    failing, mended = followed(told.failing, told.mended, posture)
    stored = StoredPosture(
        head=look.chain.head,
        posture=posture,
        deferrals=plan.deferrals,
        rules=rules.hash,
        pending=(*told.pending, *news),
        begun=running.intent if running else told.begun,
        owed=alerts.owed(before, posture, look.memory),
        digest=digested,
        control=control,
        due=due,
        proofs=_proofs(posture, look.memory),
        failing=failing,
        mended=mended,
        etag=told.etag,
    )
    look.stored = commit(look.ports.postures, look.cluster, stored)


def _proofs(posture: Posture, memory: Memory) -> tuple[datetime, ...]:
    proofs = (memory.pool(pool.pool).proof for pool in posture.pools)
    return tuple(proof.at for proof in proofs if proof and not proof.unreadable)


def send_alerts(look: Look) -> None:
    """Queue what the commit has to tell, and forget it once the queue has it."""
    if not look.stored.pending:
        return
    for alert in look.stored.pending:
        look.ports.alerts.send(alert)
    look.stored = commit(look.ports.postures, look.cluster, replace(look.stored, pending=()))


def remember_notices(look: Look, plan: Plan, posture: Posture) -> None:
    """Let the notice of a reimage run from now on, once the owner's message is queued; forget it with the step."""
    memory = look.memory
    due = {*(one.pool for one in plan.deferrals), *([plan.action.pool] if plan.action else [])} - {*plan.barred}
    for name, pool in memory.pools.items():
        if pool.noticed_of and name not in due:
            memory = memory.with_pool(name, pool.untold())
    for notice in plan.notices:
        memory = memory.with_pool(notice.pool, memory.pool(notice.pool).told(notice, posture.at))
    if memory != look.memory:
        look.hold.save(memory)


def tell_rings(look: Look, posture: Posture, budget: Budget, rules: Rulebook) -> Budget:
    """Tell the budget how the canaries and rings of this cluster are; returns it as it then is.

    `posture` was judged by `rules`, and `budget` is what the look read of it. Told before anything is begun: the
    reservation asks the row anew, and must not find a later ring open while this look sees a pool of an earlier one
    that is not done.
    """
    key = look.cluster.key

    def told(before: Budget) -> Budget:
        return seen(by_texts(before, rules), rules.policy, key, posture)

    return budget if told(budget) == budget else change(look.ports.rollout, told) or budget
