"""What people are told."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.manifests import Anchor


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that people should know, told once."""

    key: str
    """What makes it this alert: a second one with the same key is not sent."""
    cluster: str
    """ARM id; empty if it concerns no cluster."""
    pool: str
    """Empty if it concerns no pool."""
    severity: str
    """`critical`, `warning`, `info` or `good`."""
    reason: str
    title: str
    text: str
    at: datetime
    owner: str = ""
    """Mail address of one more reader; empty if there is none."""
    channels: tuple[str, ...] = ()
    """Names of the channels that are told; none: all."""
    anchor: Anchor | None = None
    """The manifest of evidence that it carries out of the app; None if it carries none."""
