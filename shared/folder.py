"""Evidence in a folder: a pack that was exported, or a plain copy of the containers.

What a pack should have and has not is a fault, never a reason to ask less of the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.archive import Directory
from shared.domain.pack import INDEX, SUMS, Pack, Sums, read_pack
from shared.domain.verification import Fault
from shared.errors import InputError


@dataclass(frozen=True, slots=True)
class Folder:
    """What was found in a folder."""

    archive: Directory
    pack: Pack | None
    """What its index says; None: there is none, or it can't be read."""
    sums: Sums | None
    faults: tuple[Fault, ...]
    files: int | None
    """How many files SHA256SUMS lists; None: there is none."""


@contextmanager
def opened(root: Path) -> Iterator[Folder]:
    """Enter a folder; raises InputError if it is none."""
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give the one that `fipswarden evidence export` wrote")
    archive = Directory(root)
    faults = [Fault(name, "is no regular file: it was added, and is not read") for name in sorted(archive.odd())]
    pack = _pack(root / INDEX, faults)
    path = root / SUMS
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            yield Folder(archive, pack, Sums(lines), tuple(faults), _count(path))
        return
    if (root / INDEX).is_file():
        faults.append(Fault(SUMS, "is missing: a pack has it"))
    yield Folder(archive, pack, None, tuple(faults), None)


def _pack(path: Path, faults: list[Fault]) -> Pack | None:
    if not path.is_file():
        return None
    try:
        return read_pack(path.read_bytes())
    except ValueError as error:
        faults.append(Fault(INDEX, f"can't be read: {error}"))
        return None


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
