"""What a look that died has recorded of nodes, and did not live to remember: the next one goes by it, as if it had.

By the numbers of the records, as whoever reads the chain goes: what it says last counts. Only a good word that is older
than the one that is known, by a worker who was late, makes nothing better.
"""

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.bodies import NodeProof, StrayProof
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, ClusterRead
from shared.domain.proven import Proof, Strays
from shared.domain.records import Record, RecordKind
from shared.domain.verification import body_of


def recalled(memory: Memory, passed: Iterable[Record], read: ClusterRead) -> Memory:
    """Return the memory with what records, in their order, say of nodes and it does not know.

    Not of pools that are gone by what was read of the cluster: they would be missed in ARM's next list.
    """
    there = {*(pool.name for pool in read.pools), *memory.missed} if isinstance(read, Cluster) else None
    for record in passed:
        match body_of(record.payload) if record.kind is RecordKind.PROOF else "":
            case NodeProof(pool=pool, proof=proof) if there is None or pool in there:
                memory = memory.with_pool(pool, _of_pool(memory.pool(pool), replace(proof, record=record.seq)))
            case StrayProof(strays=found):
                said = replace(found, record=record.seq)
                memory = replace(memory, strays=said) if _is_news(said, memory.strays) else memory
            case _:
                pass
    return memory


def _of_pool(known: PoolMemory, proof: Proof) -> PoolMemory:
    if not _is_news(proof, known.proof):
        return known
    known = replace(known, proof=proof)
    # Who has said no, or nothing, to pods is asked again, with all others.
    return replace(known, doubted=True, doubts=()) if proof.id and proof.flawed else known


def _is_news(said: Proof | Strays, known: Proof | Strays | None) -> bool:
    if known is None:
        return True
    return said.record > known.record and (said.at >= known.at or said.flawed or bool(said.unreadable))
