"""Where a policy may lie: a file of the package, or a blob that people change without a deployment."""

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite
from shared.adapters.policies import PolicyBlob, PolicyFile
from shared.config import Storage
from shared.domain.model import Mode, Unreadable
from shared.domain.policy import Policy

ENFORCING = "version: 1\nmode: enforce\n"


def write(azurite: Azurite, text: bytes) -> PolicyBlob:
    name = f"c{secrets.token_hex(8)}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.create_container(name).upload_blob("policy.yaml", text)
    return PolicyBlob(Storage(azurite.connection_string, {}), None, f"{name}/policy.yaml")


def test_a_blob_is_read_as_it_is_now(azurite: Azurite) -> None:
    policies = write(azurite, ENFORCING.encode())
    first = policies.load()
    assert isinstance(first, Policy)
    assert first.mode is Mode.ENFORCE
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blob = blobs.get_blob_client(policies._container, policies._name)
        blob.upload_blob(b"version: 1\n", overwrite=True)
    second = policies.load()
    assert isinstance(second, Policy)
    assert (second.mode, second.hash == first.hash) == (Mode.AUDIT, False)


@pytest.mark.parametrize("text", [b"version: 2\n", b"\xff\xfe", b"rules: ["])
def test_a_blob_that_is_no_policy_is_unreadable(azurite: Azurite, text: bytes) -> None:
    found = write(azurite, text).load()
    assert isinstance(found, Unreadable)
    assert "policy.yaml" in found.message


# Cut anywhere, this is a sound policy: only that it goes on tells.
TOO_LONG = ENFORCING.encode() + b"#" * (1024 * 1024 - len(ENFORCING)) + b"\n"


def test_a_blob_that_is_too_long_is_not_used_in_part(azurite: Azurite) -> None:
    assert isinstance(write(azurite, TOO_LONG[:-1]).load(), Policy)
    found = write(azurite, TOO_LONG).load()
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("PolicyInvalid", None)
    assert "policy.yaml: more than 1024 kB" in found.message


def test_a_file_that_is_too_long_is_not_used_in_part(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(TOO_LONG)
    found = PolicyFile(path).load()
    assert isinstance(found, Unreadable)
    assert found.reason == "PolicyInvalid"


def test_a_blob_that_is_not_there_is_unreadable_for_now(azurite: Azurite) -> None:
    found = PolicyBlob(Storage(azurite.connection_string, {}), None, "nowhere/policy.yaml").load()
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("PolicyUnreadable", timedelta(minutes=2))


def test_storage_that_is_down_is_unreadable_for_now() -> None:
    dead = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a;"
    found = PolicyBlob(Storage(dead, {}), None, "policy/policy.yaml").load()
    assert isinstance(found, Unreadable)
    assert found.retry_after is not None


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(ENFORCING)
    found = PolicyFile(path).load()
    assert isinstance(found, Policy)
    assert found.mode is Mode.ENFORCE


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"mode: nonsense\n"])
def test_a_file_that_is_no_policy_is_unreadable_and_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_bytes(content)
    found = PolicyFile(path).load()
    assert isinstance(found, Unreadable)
    assert "policy.yaml" in found.message
