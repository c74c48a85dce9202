"""How long node pools were at fault until they were compliant again, whoever mended them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.model import ComplianceState
from shared.domain.posture import Posture
from shared.domain.since import unreadable

KEPT = timedelta(days=3)
"""How long a cluster's row remembers it: the daily series of the day after has counted it by then."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A node pool that was at fault and is compliant."""

    pool: str
    at: datetime
    """When a look first found it so."""
    seconds: float
    """Since it was first found at fault."""


def followed(
    failing: Mapping[str, datetime], mended: tuple[Mended, ...], posture: Posture
) -> tuple[dict[str, datetime], tuple[Mended, ...]]:
    """Return since when pools are at fault, and which were mended lately, after one more look.

    A pool that was at fault stays so while it is unknown: what is not proven is not mended. One that became exempt or
    not applicable, or is gone, was not mended either, and is forgotten. A cluster that can't be read says nothing.
    """
    if unreadable(posture) is not None:
        return dict(failing), mended
    at, still, fresh = posture.at, dict[str, datetime](), list[Mended]()
    for pool in posture.pools:
        since = failing.get(pool.pool)
        match pool.state:
            case ComplianceState.NON_COMPLIANT | ComplianceState.INCONSISTENT:
                still[pool.pool] = since or pool.state_since or at
            case ComplianceState.UNKNOWN if since:
                still[pool.pool] = since
            case ComplianceState.COMPLIANT if since:
                # A clock that was set back must not make it less than nothing.
                fresh.append(Mended(pool.pool, at, max((at - since).total_seconds(), 0.0)))
            case _:
                continue
    return still, (*(each for each in mended if at - each.at < KEPT), *fresh)
