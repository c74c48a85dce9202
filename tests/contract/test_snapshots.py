"""Files beside the evidence: one suite on Azurite and in memory."""

import secrets
from io import BytesIO

import pytest
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from local.memory import MemorySnapshots
from shared.adapters.snapshots import BlobSnapshots
from shared.ports import Snapshots
from shared.storage_settings import Storage


def blobs(azurite: Azurite) -> BlobSnapshots:
    """A container of its own, made first: where it is deployed, the template makes it."""
    name = f"s{secrets.token_hex(8)}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
    return BlobSnapshots(Storage(azurite.connection_string, {}), None, name)


@pytest.fixture(params=["azurite", "memory"])
def files(request: pytest.FixtureRequest) -> Snapshots:
    return MemorySnapshots() if request.param == "memory" else blobs(request.getfixturevalue("azurite"))


def test_a_file_is_created_once_and_read_back(files: Snapshots) -> None:
    assert files.create("fleet/2026/11/23/093004Z.jsonl.gz", BytesIO(b"first"))
    assert not files.create("fleet/2026/11/23/093004Z.jsonl.gz", BytesIO(b"second"))

    assert files.read("fleet/2026/11/23/093004Z.jsonl.gz") == b"first"


def test_a_file_that_was_never_created_is_none(files: Snapshots) -> None:
    assert files.read("daily/2026-11-23.json") is None


def test_a_large_file_goes_in_one_request(azurite: Azurite) -> None:
    """Blocks would need a right that the app has not: blobs/write."""
    files, data = blobs(azurite), b"x" * 20_000_000

    assert files.create("big", BytesIO(data))

    with files._container.client().get_blob_client("big") as blob:
        assert blob.get_block_list("all") == ([], [])
    assert files.read("big") == data
