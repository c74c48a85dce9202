"""The last word on each pool of a cluster while its chain is read: what was read of it, and what its nodes said."""

from dataclasses import dataclass, field

from shared.domain.assessed import ProofSeen, Source
from shared.domain.bodies import Observation
from shared.domain.model import Pool
from shared.domain.verdicts import Implementation, ModulesSeen

_KEPT = 4
"""Proofs of one pool between two observations: the one that counts, and the latest."""


@dataclass(slots=True)
class PoolsSeen:
    """The last word on each pool: what was read of it, and what its nodes said."""

    read: dict[str, tuple[Implementation, Source, ModulesSeen | None]] = field(default_factory=dict)
    proofs: dict[str, dict[int, ProofSeen]] = field(default_factory=dict)
    """By pool and number of the record: the one that the last verdict went by, and those since."""
    last: int = 0
    """Number of the last observation."""
    there: dict[str, Pool] = field(default_factory=dict)
    """As the last observation that could read the cluster shows them."""

    def observed(self, seen: Observation, seq: int, source: Source) -> None:
        """Take in what an observation read, and forget what it says does not count any more."""
        self.last = seq
        if seen.observed.cluster:
            self.there = {pool.name: pool for pool in seen.observed.cluster.pools}
            self.read = {name: read for name, read in self.read.items() if name in self.there}
            self.proofs = {name: proofs for name, proofs in self.proofs.items() if name in self.there}
        for verdict in seen.posture.pools:
            if verdict.implementation:
                self.read[verdict.pool] = (verdict.implementation, source, verdict.modules)
            said, known = verdict.effectiveness, self.proofs.get(verdict.pool, {})
            # Versions before this one did not name the record in each verdict.
            self.proofs[verdict.pool] = {
                seq: proof for seq, proof in known.items() if seq == said.record or proof.proof.at == said.at
            }

    def proven(self, pool: str, seq: int, proof: ProofSeen) -> None:
        """Take in a proof; how many are kept does not grow with the chain."""
        known = self.proofs.setdefault(pool, {})
        known[seq] = proof
        if len(known) > _KEPT:
            del known[list(known)[1]]

    def proof(self, pool: str) -> ProofSeen | None:
        """Return the proof that the last verdict went by, or one since that settles as much."""
        known = self.proofs.get(pool, {}).items()
        return next((one for seq, one in reversed(known) if seq <= self.last or not one.proof.flawed), None)
