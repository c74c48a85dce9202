"""The last word of the nodes outside every pool while a chain is read, as long as no verdict knows it."""

from dataclasses import dataclass, field

from shared.domain.assessed import Source
from shared.domain.bodies import Observation
from shared.domain.proven import Strays


@dataclass(frozen=True, slots=True)
class StraysSaid:
    """What nodes outside every pool said."""

    seq: int
    """Number of the record."""
    strays: Strays
    source: Source
    worse: bool = field(default=True, compare=False)
    """It is worse than the verdict before it, so that its own look would have recorded another one."""


def after(said: StraysSaid | None, seen: Observation, source: Source) -> StraysSaid | None:
    """Return what is left unjudged by an observation: nothing, if it knows what was said."""
    if said is None or seen.observed.gone or seen.posture.strays >= said.seq or source.look == said.source.look:
        return None
    # Records of older versions don't say what they know. What was no worse changed nothing, and was known; who
    # recorded what was worse has died before his verdict, and whether anybody knew of it nobody can tell.
    return None if not seen.posture.strays and not said.worse else said
