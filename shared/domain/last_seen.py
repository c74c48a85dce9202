"""What was known of a cluster when it was read last: what was wrong there is not mended because nobody can look."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.assessed import PoolAssessed, Source
from shared.domain.changes import Key
from shared.domain.model import OPEN
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
