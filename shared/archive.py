"""All that is stored as evidence, as names and bytes: the evidence account, or a folder that holds the same.

Names are `<container>/<blob>`: `evidence/_fleet/0000000001.json`, `snapshots/daily/2026-11-23.json`. Nothing is ever
written through an archive.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

RECORDS = "evidence/"
"""Where the chains lie."""
SNAPSHOTS = "snapshots/"
"""Where snapshots and the daily series lie."""


class Archive(Protocol):
    """What can be read of stored evidence."""

    at_once: int
    """How many reads at the same time are worth it."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin so, sorted by their characters; a chain's records thus come in their order."""
        ...

    def data(self, name: str) -> bytes:
        """Return what is stored under a name; raises FileNotFoundError if nothing is."""
        ...


class Directory:
    """An archive in a folder. Hidden files are no part of it, and what is no regular file is never read."""

    at_once = 1

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names; one folder's names are in memory at a time, for each level."""
        yield from (name for name in self._below(self.root, "", prefix) if name.startswith(prefix))

    def _below(self, folder: Path, before: str, prefix: str) -> Iterator[str]:
        with os.scandir(folder) as entries:
            # "a/..." comes after "a-b/...", as it does in the full names.
            found = sorted(
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False))
            )
        for name in found:
            whole = f"{before}{name}"
            if not name.endswith("/"):
                yield whole
            elif whole.startswith(prefix) or prefix.startswith(whole):
                yield from self._below(folder / name[:-1], whole, prefix)

    def odd(self) -> Iterator[str]:
        """Yield the names of links, pipes and the like: to other programs they may look like files of the folder."""
        folders = [""]
        while folders:
            before = folders.pop()
            with os.scandir(self.root / before) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.is_file(follow_symlinks=False):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{before}{entry.name}/")
                    else:
                        yield f"{before}{entry.name}"

    def data(self, name: str) -> bytes:
        """Read a file; a name that leads out of the folder is not there."""
        if leads_out(name):
            raise FileNotFoundError(name)
        try:
            return (self.root / name).read_bytes()
        except (IsADirectoryError, NotADirectoryError) as error:
            raise FileNotFoundError(name) from error


def leads_out(name: str) -> bool:
    """Say whether a name, as a path or in a URL, would be another place than the one that it begins with."""
    return any(part in ("", ".", "..") for part in name.split("/"))


def each(archive: Archive, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield names with what they hold, in their order; a few are read ahead where that is worth it."""
    if archive.at_once == 1:
        yield from ((name, archive.data(name)) for name in names)
        return
    with ThreadPoolExecutor(archive.at_once) as threads:
        ahead: deque[tuple[str, Future[bytes]]] = deque()
        for name in names:
            ahead.append((name, threads.submit(archive.data, name)))
            if len(ahead) >= 2 * archive.at_once:
                first, found = ahead.popleft()
                yield first, found.result()
        while ahead:
            first, found = ahead.popleft()
            yield first, found.result()
