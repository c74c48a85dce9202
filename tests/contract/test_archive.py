"""Stored evidence read as a whole: the same from the evidence account, through the real SDK, and from a folder."""

import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from shared.adapters.archive import BlobArchive
from shared.archive import Archive, Directory, each
from shared.chain import Chain
from shared.domain.bodies import Part, ReplacementPart
from shared.domain.pack import Scope
from shared.domain.records import Head, RecordKind
from shared.folder import opened
from shared.packing import Wanted, write_pack
from shared.storage_settings import Storage
from shared.verifying import Asked, Verification
from tests.builders import blob_evidence, cluster_id

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
NAMES = (
    "a-b/0000000001.json",
    "a/0000000001.json",
    "a/0000000002.json",
    "a/b/0000000001.json",
    "a_b/1",
    "_fleet/1",
    "ä/1",
)
Stored = Callable[[tuple[str, ...]], tuple[Archive, str]]
"""Stores names, each holding itself, and returns the archive with the name of the container."""


@pytest.fixture(scope="session")
def storage(azurite: Azurite) -> Storage:
    return Storage(azurite.connection_string, {})


@pytest.fixture(params=["azurite", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    def in_folder(names: tuple[str, ...]) -> tuple[Archive, str]:
        for name in names:
            path = tmp_path / "evidence" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return Directory(tmp_path), "evidence"

    def in_azurite(names: tuple[str, ...]) -> tuple[Archive, str]:
        storage: Storage = request.getfixturevalue("storage")
        container = f"c{secrets.token_hex(8)}"
        with ContainerClient.from_connection_string(storage.connection_string, container) as client:
            client.create_container()
            for name in names:
                client.upload_blob(name, name)
        return BlobArchive(storage, None, [container]), container

    return in_folder if request.param == "folder" else in_azurite


def test_names_come_sorted_by_their_characters_with_a_chain_in_one_piece(store: Stored) -> None:
    archive, container = store(NAMES)

    assert list(archive.names()) == [f"{container}/{name}" for name in sorted(NAMES)]


@pytest.mark.parametrize(("prefix", "count"), [("", 7), ("/", 7), ("/a", 5), ("/a/", 3), ("/a/00", 2), ("/zz", 0)])
def test_names_are_found_by_how_they_begin(prefix: str, count: int, store: Stored) -> None:
    archive, container = store(NAMES)

    found = list(archive.names(f"{container}{prefix}" if prefix else ""))
    assert len(found) == count
    assert all(name.startswith(f"{container}{prefix}") for name in found)


def test_another_container_has_no_names(store: Stored) -> None:
    archive, _ = store(NAMES)

    assert list(archive.names("others/")) == []


def test_what_is_stored_is_read_in_order_also_ahead(store: Stored) -> None:
    archive, container = store(tuple(f"{number:03}" for number in range(40)))

    found = list(each(archive, archive.names()))
    assert found == [(f"{container}/{number:03}", f"{number:03}".encode()) for number in range(40)]


@pytest.mark.parametrize("name", ["nothing", "", "../x", "a", "a/0000000001.json/x"])
def test_what_is_not_there_is_not_found(name: str, store: Stored) -> None:
    archive, container = store(NAMES)

    with pytest.raises(FileNotFoundError):
        archive.data(f"{container}/{name}")
    with pytest.raises(FileNotFoundError):
        archive.data(f"others/{name}")


def test_what_many_writers_wrote_at_once_is_exported_and_verifies(storage: Storage, tmp_path: Path) -> None:
    name = f"c{secrets.token_hex(8)}"
    evidence = blob_evidence(storage, name)

    def write(writer: int) -> None:
        chain = Chain(evidence, cluster_id(), Head())
        for number in range(10):
            body = ReplacementPart("0f" * 16, "win", "winf", Part.DRAINED, message=f"n{number}")
            chain.append(RecordKind.REPLACEMENT, NOW, body, f"{writer}-{number}")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    archive = Renamed(BlobArchive(storage, None, [name]), name)
    verification = Verification(archive, Asked(NOW, Scope()))
    assert list(verification.faults()) == []
    assert verification.seen.records == 30

    write_pack(archive, tmp_path / "pack", Wanted(), NOW + timedelta(hours=1))
    with opened(tmp_path / "pack") as found:
        offline = Verification(found.archive, Asked(NOW), found.sums)
        assert list(offline.faults()) == []
        assert offline.seen.records == 30


class Renamed:
    """A container of a test's own, as the container `evidence`."""

    at_once = 8

    def __init__(self, archive: BlobArchive, container: str) -> None:
        self._archive, self._container = archive, container

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names."""
        if prefix.startswith("evidence/") or not prefix:
            for name in self._archive.names(f"{self._container}/{prefix.removeprefix('evidence/')}"):
                yield name.replace(self._container, "evidence", 1)

    def data(self, name: str) -> bytes:
        """Return what is stored."""
        return self._archive.data(name.replace("evidence", self._container, 1))
