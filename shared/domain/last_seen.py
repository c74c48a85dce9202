"""What was known of a cluster when it was read last: what was wrong there is not mended because nobody can look."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.assessed import PoolAssessed, ProofSeen, Source
from shared.domain.changes import Key
from shared.domain.model import OPEN, Cluster
from shared.domain.proven import Strays
from shared.domain.rulebook import Rulebook
from shared.domain.unjudged import PROOF, belied, outside, with_outside
from shared.domain.verdicts import Judgement, PoolVerdict, Verdict


@dataclass(frozen=True, slots=True)
class LastSeen:
    """A cluster as it was before it could not be read any more."""

    at: datetime | None = None
    """When it was read last, as far as a record says."""
    source: Source | None = None
    """The record that all this is from; None if it is not among the records."""
    pools: Mapping[str, PoolAssessed] = field(default_factory=dict, hash=False)
    findings: tuple[Judgement, ...] = ()
    """What concerned no single pool and was open."""

    def open(self) -> Iterator[tuple[Key, Judgement]]:
        """Yield what was open."""
        for one in self.findings:
            yield ("", one.check), one
        for name, pool in self.pools.items():
            yield from (((name, one.check), one) for one in pool.findings if one.state in OPEN)

    def by_nodes(self, pool: str) -> Judgement | None:
        """Return the finding that goes by what the nodes of a pool said, or those outside every pool."""
        if not pool:
            return outside(self.findings)
        found = self.pools[pool].findings if pool in self.pools else ()
        return next((one for one in found if one.check == PROOF), None)

    def asked(self, pool: str, proof: ProofSeen) -> "LastSeen":
        """Return the same after a pool's nodes were asked, and nobody has judged what they said: it may be worse."""
        if (was := self.pools.get(pool)) is None:
            return self
        found = was.with_findings(tuple(belied(one, proof.proof, proof.source.at) for one in was.findings))
        return self if found is was else replace(self, pools={**self.pools, pool: replace(found, proof=proof)})

    def asked_outside(self, cluster: Cluster, said: Strays, rules: Rulebook | None, at: datetime) -> "LastSeen":
        """Return the same after nodes outside every pool were asked."""
        return replace(self, findings=with_outside(self.findings, cluster, said, rules, at))

    def beside(self, pools: tuple[PoolAssessed, ...], why: Judgement) -> tuple[PoolAssessed, ...]:
        """Return the pools of a look that could not read the cluster, which `why` says, with how they were.

        A look that died may have seen pools of which the next one has not heard: they are there, too.
        """
        told = {pool.name for pool in pools}
        unheard = tuple(pool.lost(why) for name, pool in self.pools.items() if name not in told)
        return (*(replace(pool, was=self.pools.get(pool.name)) for pool in pools), *unheard)


def as_recorded(said: Verdict, assessed: Callable[[PoolVerdict], PoolAssessed]) -> LastSeen:
    """Return what the record of a look that could not read its cluster says of before: its chain begins with it."""
    pools = {}
    for one in said.pools:
        if was := one.earlier:
            verdict = replace(
                one, state=was.state, findings=was.findings, since=was.since, state_since=was.state_since, earlier=None
            )
            pools[one.pool] = assessed(verdict)
    return LastSeen(said.last_read, None, pools, said.earlier)
