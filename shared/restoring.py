"""What is told of a replacement beside the rollout row: its records, and what its twin and its place say of it.

So a lost row leaves nothing lying there: by the same conditions as before the replacement goes on, or is given up.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.budget import read_budget
from shared.domain.bodies import Part, ReplacementPart
from shared.domain.memory import Memory, Replacement
from shared.domain.model import Cluster, ClusterRead
from shared.domain.records import RecordKind
from shared.domain.twins import made_for, remade
from shared.look import Look


def record(look: Look, replacement: Replacement, part: Part, **said: Any) -> None:
    """Record a part of a replacement that is no operation of ARM's, under the lease; `said` are fields of the body."""
    look.hold.check()
    body = ReplacementPart(replacement.id, replacement.pool, replacement.twin, part, **said)
    look.chain.append(RecordKind.REPLACEMENT, look.ports.clock.now(), body)


def restore(look: Look, read: ClusterRead) -> None:
    """Remember a replacement again that was lost with the rollout row: its place in the budget says that it goes on."""
    memory = look.memory
    if memory.replacement or memory.operation or not isinstance(read, Cluster):
        return
    if not any(made_for(pool)[0] for pool in read.pools):
        return
    place = read_budget(look.ports.rollout).places.get(look.cluster.key)
    found = forgotten(memory, read, place.pool, look.ports.clock.now()) if place else None
    # What is left alone was given up, and remembers that.
    if place is None or found is None or found.id != place.intent or memory.pool(place.pool).blocked:
        return
    record(look, found, Part.RESUMED, message="What was remembered of it had been lost.")
    look.hold.save(replace(memory, replacement=found))


def forgotten(memory: Memory, read: Cluster, pool: str, now: datetime) -> Replacement | None:
    """Return the replacement of a pool of which only its twin tells; None if there is none, or it is done."""
    found = remade(read, pool, now)
    return found if found and memory.pool(found.twin).replaced != found.id else None
