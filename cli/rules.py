"""Reads the policy and the exemptions that a command was given as files."""

from datetime import datetime
from pathlib import Path

from shared.domain.budget import Budget
from shared.domain.policy_reader import Source, read_rulebook
from shared.domain.rulebook import Rulebook
from shared.domain.yaml_source import MOST_BYTES, TOO_LONG
from shared.errors import InputError


def load(policy: Path, exemptions: Path | None = None) -> Rulebook:
    """Read the files that people write; raises InputError if one can't be read, ConfigError with its faults."""
    return read_rulebook(source(policy), source(exemptions) if exemptions else None)


def trouble_of(budget: Budget, used: datetime | None) -> str:
    """Return why the app itself could not use its files at its last resync, and begins nothing; empty if it could.

    So it is where it has begun to use other texts since then: `used` is when it last did.
    """
    counts = budget.counts
    if counts is None or not counts.trouble or (used and used > counts.at):
        return ""
    return f"At the resync of {counts.at:%Y-%m-%d %H:%M} UTC: {counts.trouble}"


def source(path: Path) -> Source:
    """Read a file; raises InputError if it can't be read."""
    try:
        # The very bytes: the app hashes them, and an approval is of a hash.
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            raise InputError(f"{path}: {TOO_LONG}; the app would use nothing of it")
        return Source(str(path), content.decode())
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error}") from error
