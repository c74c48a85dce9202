"""What is told of a replacement beside the rollout row: its records, and what its twin and its place say of it.

So a lost row leaves nothing lying there: by the same conditions as before the replacement goes on, or is given up.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.budget import read_budget
from shared.domain.bodies import Part, ReplacementPart
from shared.domain.checks import FORGOTTEN
from shared.domain.memory import Memory, Replacement, Stage
from shared.domain.model import Cluster, ClusterRead
from shared.domain.records import RecordKind
from shared.domain.twins import made_for, remade
from shared.look import Look

_LOST = (
    "What was remembered of the replacement was lost, and no place in the budget says that it goes on: somebody may "
    "have stopped it."
)


def record(look: Look, replacement: Replacement, part: Part, **said: Any) -> None:
    """Record a part of a replacement that is no operation of ARM's, under the lease; `said` are fields of the body."""
    look.hold.check()
    body = ReplacementPart(replacement.id, replacement.pool, replacement.twin, part, **said)
    look.chain.append(RecordKind.REPLACEMENT, look.ports.clock.now(), body)


def restore(look: Look, read: ClusterRead) -> None:
    """Remember a replacement again that was lost with the rollout row: its place in the budget says that it goes on.

    Without a place it had been given up, by a person perhaps: it is given up once more, with all that may be left.
    """
    memory, now = look.memory, look.ports.clock.now()
    if memory.replacement or memory.operation or not isinstance(read, Cluster):
        return
    olds = [old for pool in read.pools if (old := made_for(pool)[0])]
    if not olds:
        return
    place = read_budget(look.ports.rollout).places.get(look.cluster.key)
    # What is left alone was given up, and remembers that.
    olds = [name for name in olds if not memory.pool(name).blocked and (place is None or place.pool == name)]
    lost = [found for name in olds if (found := forgotten(memory, read, name, now))]
    going_on = next((found for found in lost if place and place.intent == found.id), None)
    # Whatever ended in a way that is remembered says when.
    given_up = next((found for found in lost if place is None and memory.pool(found.pool).ended is None), None)
    if going_on:
        record(look, going_on, Part.RESUMED, message="What was remembered of it had been lost.")
    elif given_up:
        given_up = replace(given_up, stage=Stage.ENDING, ends=f"{FORGOTTEN}: {_LOST}")
    look.hold.save(replace(memory, replacement=going_on or given_up))


def forgotten(memory: Memory, read: Cluster, pool: str, now: datetime) -> Replacement | None:
    """Return the replacement of a pool of which only its twin tells; None if there is none, or it is done."""
    found = remade(read, pool, now)
    return found if found and memory.pool(found.twin).replaced != found.id else None
