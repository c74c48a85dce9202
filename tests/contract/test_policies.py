"""Where the policy and the exemptions may lie, and what holds while one of them can't be used: the last good pair."""

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite
from local.clock import SystemClock
from local.memory import MemoryTable
from shared.adapters.policies import TextBlob, TextFile
from shared.adapters.storage import RETRY
from shared.adapters.tables import AzureTable
from shared.domain.model import Mode, Unreadable
from shared.domain.policy import Policy
from shared.domain.rulebook import Rulebook
from shared.ports import Put, Table
from shared.rulebooks import Rulebooks
from shared.storage_settings import Storage
from tests.texts import MemoryText

ENFORCING = "version: 1\nmode: enforce\n"
EXEMPTIONS = """version: 1
exemptions:
  - name: legacy
    match: { pools: [legacy] }
    category: waiver
    reason: the vendor's driver does not load
    owner: ana@example.com
    approver: bob@example.com
    ticket: RISK-17
    created: 2026-11-01
    expires: 2027-03-01
"""


def blob(azurite: Azurite, text: bytes) -> TextBlob:
    name = f"c{secrets.token_hex(8)}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.create_container(name).upload_blob("policy.yaml", text)
    return TextBlob(Storage(azurite.connection_string, {}), None, f"{name}/policy.yaml")


def overwrite(azurite: Azurite, where: TextBlob, text: bytes) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.get_blob_client(where._container, where._name).upload_blob(text, overwrite=True)


# Texts


def test_a_blob_is_read_as_it_is_now(azurite: Azurite) -> None:
    where = blob(azurite, ENFORCING.encode())
    assert where.read() == ENFORCING
    overwrite(azurite, where, b"version: 1\n")
    assert where.read() == "version: 1\n"


def test_a_blob_that_is_no_text_is_unreadable(azurite: Azurite) -> None:
    found = blob(azurite, b"\xff\xfe").read()
    assert isinstance(found, Unreadable)
    assert "policy.yaml" in found.message


# Cut anywhere, this is a sound policy: only that it goes on tells.
TOO_LONG = ENFORCING.encode() + b"#" * (1024 * 1024 - len(ENFORCING)) + b"\n"


def test_a_blob_that_is_too_long_is_not_used_in_part(azurite: Azurite) -> None:
    assert blob(azurite, TOO_LONG[:-1]).read() == TOO_LONG[:-1].decode()
    found = blob(azurite, TOO_LONG).read()
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("PolicyInvalid", None)
    assert "policy.yaml: more than 1024 kB" in found.message


def test_a_file_that_is_too_long_is_not_used_in_part(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(TOO_LONG)
    found = TextFile(path).read()
    assert isinstance(found, Unreadable)
    assert found.reason == "PolicyInvalid"


def test_a_blob_that_is_not_there_is_unreadable_for_now(azurite: Azurite) -> None:
    found = TextBlob(Storage(azurite.connection_string, {}), None, "nowhere/policy.yaml").read()
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("PolicyUnreadable", timedelta(minutes=2))


def test_storage_that_is_down_is_unreadable_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RETRY, "retry_total", 1)
    dead = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a;"
    found = TextBlob(Storage(dead, {}), None, "policy/policy.yaml").read()
    assert isinstance(found, Unreadable)
    assert found.retry_after is not None


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(ENFORCING)
    assert (TextFile(path).read(), TextFile(path).name) == (ENFORCING, "policy.yaml")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_is_no_text_is_unreadable_and_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_bytes(content)
    found = TextFile(path).read()
    assert isinstance(found, Unreadable)
    assert "policy.yaml" in found.message


# Rulebooks


@pytest.fixture(params=["azurite", "memory"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return MemoryTable(SystemClock())
    azurite: Azurite = request.getfixturevalue("azurite")
    return AzureTable(Storage(azurite.connection_string, {}), None, f"t{secrets.token_hex(8)}")


DOWN = Unreadable("PolicyUnreadable", "policy/exemptions.yaml: the storage is down", timedelta(minutes=2))


def files(text: str = ENFORCING, exemptions: str | Unreadable = EXEMPTIONS) -> tuple[MemoryText, MemoryText]:
    return MemoryText(text), MemoryText(exemptions, "exemptions.yaml")


def loaded(books: Rulebooks) -> Rulebook:
    found = books.load()
    assert isinstance(found, Rulebook), found
    return found


def test_a_policy_alone_is_a_rulebook_without_exemptions(table: Table) -> None:
    found = loaded(Rulebooks(MemoryText(ENFORCING), None, table))
    assert found.policy.defaults.mode is Mode.ENFORCE
    assert (found.exemptions.entries, found.trouble) == ((), "")


def test_both_files_make_one_rulebook_and_its_hash_changes_with_either(table: Table) -> None:
    policy, exemptions = files()
    books = Rulebooks(policy, exemptions, table)
    first = loaded(books)
    assert [entry.name for entry in first.exemptions.entries] == ["legacy"]
    exemptions.text = EXEMPTIONS.replace("RISK-17", "RISK-18")
    second = loaded(books)
    policy.text = ENFORCING + "# another\n"
    assert len({first.hash, second.hash, loaded(books).hash}) == 3


@pytest.mark.parametrize("text", ["version: 2\n", "mode: nonsense\n", "rules: [", ""])
def test_a_policy_with_faults_that_never_was_a_good_one_is_unreadable_and_named(table: Table, text: str) -> None:
    found = Rulebooks(MemoryText(text), None, table).load()
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("PolicyInvalid", None)
    assert found.message.startswith("policy.yaml:")
    assert table.read("rulebook", "rulebook") is None, "what is no policy is not kept"


@pytest.mark.parametrize("broken", ["rules: [", "version: 2\n", ""])
def test_the_last_good_policy_holds_while_it_is_broken_and_says_that_it_does(table: Table, broken: str) -> None:
    policy, exemptions = files()
    good = loaded(Rulebooks(policy, exemptions, table))
    policy.text = broken
    # Another process: what it remembers of the good one is in the table alone.
    found = loaded(Rulebooks(policy, exemptions, table))
    assert found.policy.defaults.mode is Mode.ENFORCE
    assert found.hash == good.hash
    assert "policy.yaml" in found.trouble
    assert "nothing is changed until it is mended" in found.trouble
    policy.text = "version: 1\n"
    mended = loaded(Rulebooks(policy, exemptions, table))
    assert (mended.trouble, mended.policy.defaults.mode) == ("", Mode.AUDIT)


@pytest.mark.parametrize("broken", ["exemptions: [", "version: 1\nexemptions: [{name: legacy}]\n", DOWN])
def test_the_last_good_exemptions_hold_while_they_are_broken(table: Table, broken: str | Unreadable) -> None:
    policy, exemptions = files()
    loaded(Rulebooks(policy, exemptions, table))
    exemptions.text = broken
    found = loaded(Rulebooks(policy, exemptions, table))
    assert [entry.name for entry in found.exemptions.entries] == ["legacy"]
    assert "exemptions.yaml" in found.trouble


def test_the_last_good_pair_is_one_pair(table: Table) -> None:
    """A new policy beside broken exemptions does not hold by halves: both are as they last were good together."""
    policy, exemptions = files()
    loaded(Rulebooks(policy, exemptions, table))
    policy.text, exemptions.text = "version: 1\n", "exemptions: ["
    found = loaded(Rulebooks(policy, exemptions, table))
    assert found.policy.defaults.mode is Mode.ENFORCE
    assert [entry.name for entry in found.exemptions.entries] == ["legacy"]


def test_the_last_good_pair_is_written_once_per_process_and_change(table: Table) -> None:
    policy, exemptions = files()
    books = Rulebooks(policy, exemptions, table)
    loaded(books)
    first = table.read("rulebook", "rulebook")
    loaded(books)
    loaded(Rulebooks(policy, exemptions, table))
    again = table.read("rulebook", "rulebook")
    assert first is not None
    assert again is not None
    assert again.etag == first.etag
    policy.text = "version: 1\n"
    loaded(books)
    changed = table.read("rulebook", "rulebook")
    assert changed is not None
    assert changed.etag != first.etag


def test_a_last_good_policy_that_this_version_can_no_longer_read_is_none(table: Table) -> None:
    table.write("rulebook", Put("rulebook", None, {}, {"policy": "version: 0\n", "exemptions": ""}))
    found = Rulebooks(MemoryText("rules: ["), None, table).load()
    assert isinstance(found, Unreadable)
    assert "policy.yaml" in found.message


def test_a_policy_whose_groups_cannot_be_resolved_is_judged_by_the_last_good_one_or_not_at_all(table: Table) -> None:
    why = Unreadable("ManagementGroupUnreadable", "mg-prod can't be read", timedelta(minutes=5))
    answers: list[Unreadable | None] = [why, None]

    def resolve(policy: Policy) -> Policy | Unreadable:
        return (answers.pop(0) if answers else why) or policy

    books = Rulebooks(MemoryText(ENFORCING), None, table, resolve)
    assert books.load() == why
    assert loaded(books).trouble == ""
    assert isinstance(books.load(), Unreadable), "the scope of the last good one can't be known either"


def test_a_policy_in_a_blob_is_loaded_and_outlives_its_blob(azurite: Azurite, table: Table) -> None:
    where = blob(azurite, ENFORCING.encode())
    assert loaded(Rulebooks(where, None, table)).policy.defaults.mode is Mode.ENFORCE
    overwrite(azurite, where, b"\xff")
    assert "policy.yaml" in loaded(Rulebooks(where, None, table)).trouble
