"""When a step may begin: its windows, the cluster's own, and how old a pool has to be.

Pure. A pool that is new for certain may skip what its policy lets new pools skip.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.maintenance import NoMaintenanceConfiguration, opening_by_cluster
from shared.domain.proofs import CLOCKS
from shared.domain.settings import Skip
from shared.domain.situation import Situation
from shared.domain.steps import Step
from shared.domain.subject import Subject
from shared.domain.wait import REREAD, Wait
from shared.domain.windows import Closed, Open, opening


def _age(subject: Subject) -> timedelta | None:
    """Return how long ago a pool was created, as far as that is known."""
    seen = (subject.memory.first_seen, subject.cluster.created)
    # A time that has not come is one of a clock that was wrong.
    known = [at for at in seen if at and at <= subject.now + CLOCKS]
    return subject.now - max(known) if known else None


def is_new(subject: Subject) -> bool:
    """Say whether a pool is new for certain: by when its cluster was made, or a look last saw that it was not there."""
    known = [at for at in (subject.memory.absent, subject.cluster.created) if at]
    # A time that has not come is one of a clock that was wrong.
    return bool(known) and -CLOCKS <= subject.now - max(known) < subject.settings.new_pools.within


def too_new(step: Step) -> timedelta | None:
    """Return how long a pool is still too young to be changed; None if it is not."""
    age = _age(step.subject)
    if age is None:
        return None
    left = step.subject.settings.new_pools.enforce_after - age
    return left if left > timedelta() else None


def skips(subject: Subject, what: Skip) -> bool:
    """Say whether a pool need not wait for something because it is new."""
    return is_new(subject) and what in subject.settings.new_pools.skip


def closed(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield what keeps a reimage from beginning at this time."""
    for opening_ in openings(situation, step):
        if isinstance(opening_, Closed):
            after = opening_.until - situation.now if opening_.until else REREAD
            yield Wait(opening_.reason, opening_.message, after)


def closes(situation: Situation, step: Step) -> datetime | None:
    """Return when the first of the windows that are open closes; None if none does."""
    ends = [one.until for one in openings(situation, step) if isinstance(one, Open) and one.until]
    return min(ends, default=None)


def opens(situation: Situation, step: Step, at: datetime) -> datetime:
    """Return when, from a time on, all windows are open for the first time, as far as that is known."""
    shut = [one for one in openings(replace(situation, now=at), step) if isinstance(one, Closed)]
    return max((one.until for one in shut if one.until), default=at)


def openings(situation: Situation, step: Step) -> Iterator[Open | Closed]:
    """Yield whether the policy's windows are open for a step, and the cluster's own where they count."""
    settings, skipped = step.subject.settings, skips(step.subject, Skip.WINDOW)
    # Blackouts hold for a new pool, too, the cluster's own as well: nothing runs on it yet, but nobody is there either.
    yield opening(() if skipped else settings.windows, settings.blackouts, situation.now)
    if settings.cluster_maintenance:
        own = opening_by_cluster(situation.maintenance, situation.now, any_time=skipped)
        if not isinstance(own, NoMaintenanceConfiguration):
            yield own
        elif not settings.windows and not skipped:
            message = "The policy asks for the cluster's own maintenance window, and none is configured for its nodes."
            yield Closed(None, "NoMaintenanceConfiguration", message)
