"""How many of something may be disrupted at once: a count, a share, or the smaller of both."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limit:
    """An upper bound; with both parts the smaller one holds."""

    count: int | None = field(default=None, metadata={"least": 0})
    """So many."""
    percent: int | None = field(default=None, metadata={"least": 0, "most": 100})
    """That share of the node pools in scope, rounded down, but one as long as it is not 0."""

    def __post_init__(self) -> None:
        """Refuse a limit without a bound; raises ValueError."""
        if self.count is None and self.percent is None:
            raise ValueError("a limit needs `count`, `percent` or both")

    def of(self, total: int | None) -> int:
        """Return how many that is of `total` node pools; a share of an unknown total is one."""
        bounds = [] if self.count is None else [self.count]
        if self.percent is not None:
            share = (total or 0) * self.percent // 100
            bounds.append(max(share, 1) if self.percent else 0)
        return min(bounds, default=0)
