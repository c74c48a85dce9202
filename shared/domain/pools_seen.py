"""The last word on each pool of a cluster while its chain is read: what was read of it, and what its nodes said."""

from dataclasses import dataclass, field, replace

from shared.domain.assessed import ProofSeen, Source
from shared.domain.bodies import Observation
from shared.domain.model import Cluster, Pool
from shared.domain.verdicts import Effectiveness, Implementation, ModulesSeen


@dataclass(slots=True)
class PoolsSeen:
    """The last word on each pool: what was read of it, and what its nodes said."""

    read: dict[str, tuple[Implementation, Source, ModulesSeen | None]] = field(default_factory=dict)
    there: dict[str, Pool] = field(default_factory=dict)
    """As the last observation that could read the cluster shows them."""
    cluster: Cluster | None = None
    """As that one shows it."""
    _proofs: dict[str, tuple[int, ProofSeen]] = field(default_factory=dict)
    """By pool: the last proof, with the number of its record."""

    def observed(self, seen: Observation, source: Source) -> None:
        """Take in what an observation read, and forget what it says does not count any more."""
        if seen.observed.unreadable:
            # It has judged nothing, what nodes said neither.
            return
        if seen.observed.cluster:
            self.cluster = seen.observed.cluster
            self.there = {pool.name: pool for pool in seen.observed.cluster.pools}
            self.read = {name: read for name, read in self.read.items() if name in self.there}
            self._proofs = {name: proof for name, proof in self._proofs.items() if name in self.there}
        for verdict in seen.posture.pools:
            if verdict.implementation:
                self.read[verdict.pool] = (verdict.implementation, source, verdict.modules)
            if proof := self._proofs.pop(verdict.pool, None):
                self._judge(verdict.pool, *proof, verdict.effectiveness)

    def _judge(self, pool: str, seq: int, proof: ProofSeen, said: Effectiveness) -> None:
        """Keep a proof if a verdict goes by it, or by one before it."""
        # Versions before this one did not name the record in each verdict.
        judged = seq == said.record or proof.proof.at == said.at
        if judged or 0 < said.record < seq:
            self._proofs[pool] = seq, replace(proof, judged=judged)

    def proven(self, pool: str, seq: int, proof: ProofSeen) -> None:
        """Take in a proof."""
        self._proofs[pool] = seq, proof

    def proof(self, pool: str) -> ProofSeen | None:
        """Return the last proof of a pool: the one that the last verdict went by, or one since."""
        return self._proofs[pool][1] if pool in self._proofs else None
