"""Snapshots of the fleet and the days of its series: files beside the evidence that are created and never changed.

A snapshot is a line of JSON per posture row, gzipped, after a line that says what it is. Rows are read and written one
at a time: memory does not grow with the fleet.
"""

import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from shared import __version__
from shared.domain.bodies import StoredFile
from shared.domain.codec import canonical, plain
from shared.domain.looks import SNAPSHOT
from shared.ports import Snapshots, Table
from shared.postures import PostureDetail, PostureSummary, detailed

_IN_MEMORY = 4_000_000
"""Bytes of a snapshot that are held in memory before a temporary file takes it."""


Each = Callable[[PostureSummary, PostureDetail], None]


def take_snapshot(postures: Table, files: Snapshots, now: datetime, each: Each = lambda *_: None) -> StoredFile:
    """Write what all posture rows say, and give each row to `each`; raises what the storage raises."""
    header = {"schema": SNAPSHOT, "at": now, "version": __version__}
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        # Without name and time, so that the same rows give the same bytes.
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            packed.write(canonical(plain(header)) + b"\n")
            for summary, detail in detailed(postures):
                packed.write(canonical(_line(summary, detail)) + b"\n")
                each(summary, detail)
        return put_away(files, f"fleet/{now.astimezone(UTC):%Y/%m/%d/%H%M%SZ}.jsonl.gz", file)


def _line(summary: PostureSummary, detail: PostureDetail) -> dict[str, object]:
    said: dict[str, object] = plain(
        {
            "cluster": summary.cluster,
            "state": summary.state,
            "inScope": summary.in_scope,
            "gone": summary.gone,
            "unread": summary.unread,
            "pools": detail.states,
            "head": detail.head,
            "at": summary.at,
            "due": summary.due,
        }
    )
    return said


def put_away(files: Snapshots, name: str, file: IO[bytes]) -> StoredFile:
    """Create a file; if there is one of that name, it stays, and its hash is what counts."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it asks for more than it uses
    file.seek(0)
    if files.create(name, file):
        return StoredFile(name, digest)
    there = files.read(name)
    if there is None:
        raise OSError(f"snapshots {name} is taken but can't be read")
    return StoredFile(name, hashlib.sha256(there).hexdigest())
