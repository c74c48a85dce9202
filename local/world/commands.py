"""What run command was asked to do on a cluster, and what became of it.

Limits: facts, section 6 (access-private-cluster.md). How AKS ends a command that takes longer than 60 seconds, and
whether its kB has 1,000 bytes or 1,024, is not documented: here such a command fails, and the smaller one counts.
That the output is cut, without an error, is (MicrosoftDocs/azure-docs-cli#3883); that its beginning is kept is not.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

TIME_LIMIT = timedelta(seconds=60)
OUTPUT_LIMIT = 512_000
"""Bytes of output."""


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    exit_code: int
    logs: str
    """Standard output and standard error, in the order in which they came."""
    took: timedelta = timedelta(0)


@dataclass
class Command:
    """One command. It has ended once `finished` is set."""

    id: str
    """Thirty-two hexadecimal digits."""
    asked: datetime
    finished: datetime | None = None
    outcome: Outcome | None = None
    """None while it runs, and where it could not be run."""
    reason: str = ""
    """Why it failed; empty for a command that ran, whatever its exit code."""

    def end(self, outcome: Outcome, now: datetime) -> None:
        """Keep what came out of it, within the limits."""
        self.finished = now
        if outcome.took > TIME_LIMIT:
            self.reason = "The command did not finish within 60 seconds."
            return
        kept = outcome.logs.encode()[:OUTPUT_LIMIT].decode(errors="ignore")
        self.outcome = Outcome(outcome.exit_code, kept, outcome.took)
