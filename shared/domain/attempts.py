"""What the app did to bring a pool to compliance, as evidence records tell it."""

from dataclasses import dataclass

from shared.domain.assessed import Source
from shared.domain.bodies import Part
from shared.domain.model import Mode
from shared.domain.operation import OutcomeState
from shared.domain.planned import ActionKind, Method


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a remediation, at one time."""

    outcome: OutcomeState | Part
    message: str
    correlation: str
    """`x-ms-correlation-request-id`; empty if ARM gave none."""
    source: Source

    @property
    def said(self) -> str:
        """Say in one sentence what became of it."""
        return f"{self.outcome}: {self.message.rstrip('.')}." if self.message else f"{self.outcome}."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to bring a pool to compliance."""

    pool: str
    action: ActionKind
    mode: Mode
    rule: str
    source: Source
    """The intent, recorded before anything was sent."""
    steps: tuple[Step, ...] = ()
    """The answer, then the end of the operation; none: nobody knows yet. Of a replacement all its parts, too."""
    method: Method = Method.UPDATE
    """What is sent to ARM."""
    target: str = ""
    """The node pool that it is sent to, where that is not `pool`: its twin."""
    twin: str = ""
    """The node pool that takes the place of the one that is deleted; empty: nothing is deleted, or none is known."""

    @property
    def what(self) -> str:
        """Say what is done, and to what: an update in place, or a part of a replacement."""
        said = str(self.action).replace("_", " ").replace("fips", "FIPS").replace("os sku", "OS SKU")
        whom = {Method.CREATE: f": create the twin {self.target}", Method.ADOPT: f": adopt the twin {self.target}"}
        by = f", which {self.twin} replaces" if self.twin and self.target in ("", self.pool) else ""
        end = whom.get(self.method, f": {self.method} {self.target or self.pool}{by}")
        return said if self.method is Method.UPDATE else f"{said}{end}"

    @property
    def replaced(self) -> bool:
        """Say whether its pool is gone because its twin has taken its place."""
        return bool(self.twin and self.steps) and self.steps[-1].outcome is OutcomeState.SUCCEEDED

    @property
    def latest(self) -> Source:
        """The record of its last word."""
        return self.steps[-1].source if self.steps else self.source

    @property
    def ended(self) -> bool:
        """Say whether nothing more comes of it: AKS refused it, or its operation has ended, or nobody will know."""
        if not self.steps:
            return False
        last = self.steps[-1].outcome
        if self.method in (Method.CREATE, Method.ADOPT) and last is OutcomeState.SUCCEEDED:
            # The twin is there; its pool is still to be drained and deleted.
            return False
        return last is Part.ENDED or last not in (OutcomeState.ACCEPTED, *Part)
