"""A pack: what is stored, byte for byte, with what an auditor needs, in a folder that appears when it is whole."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from shared.archive import Directory
from shared.domain.pack import Scope, read_pack
from shared.domain.records import FLEET, MANIFESTS
from shared.domain.verification import record_name
from shared.errors import InputError
from shared.folder import opened
from shared.own_crypto import own_crypto
from shared.packing import Wanted, write_pack
from shared.verifying import Asked, Verification
from tests.stored import MEDIA, PAY, POLICY, Stored, key_name, stored


def written(archive: Stored, folder: Path, cluster: str = "", since: date | None = None) -> Path:
    write_pack(archive, folder, Wanted(cluster, since, archive.heads), archive.at)
    return folder


def faults(folder: Path) -> list[str]:
    with opened(folder) as found:
        assert found.pack
        asked = Asked(found.pack.at, found.pack.scope, heads=found.pack.heads, held=found.pack.scope)
        rest = Verification(found.archive, asked, found.sums).faults()
        return [str(fault) for fault in (*found.faults, *rest)]


def test_what_is_stored_is_in_the_pack_byte_for_byte(tmp_path: Path) -> None:
    archive = stored()
    pack = Directory(written(archive, tmp_path / "pack"))

    assert {name: pack.data(name) for name in archive.files} == archive.files
    assert faults(pack.root) == []


def test_it_has_what_an_auditor_needs(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")

    others = sorted(name for name in Directory(folder).names() if not name.startswith(("evidence/", "snapshots/")))
    (policy,) = [name for name in others if name.startswith("policies/")]
    assert others == [
        "SHA256SUMS",
        "VERIFY.md",
        "certificates.json",
        "evidence.schema.json",
        "index.html",
        "index.json",
        f"keys/{key_name()}.jwk.json",
        f"keys/{key_name()}.pem",
        policy,
        "records.md",
    ]
    assert (folder / policy).read_text() == POLICY
    index = read_pack((folder / "index.json").read_bytes())
    assert [(chain.path, chain.records, chain.first, chain.last) for chain in index.chains] == [
        (MEDIA.path, 9, 1, 9),
        (PAY.path, 10, 1, 10),
        (FLEET, 1, 1, 1),
    ]
    assert [(key.thumbprint, key.first, key.last) for key in index.keys] == [(key_name(), 1, 3)]
    assert any("container images" in limit for limit in index.limits)
    assert any("control plane" in limit for limit in index.limits)
    assert any("not claimed to run on a validated module" in limit for limit in index.limits)
    assert index.written_by["openssl"].startswith("OpenSSL")


def test_the_algorithm_in_the_pack_is_the_page_in_docs(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")

    assert (folder / "VERIFY.md").read_text() == Path(__file__).parents[2].joinpath("docs", "evidence.md").read_text()


@pytest.mark.parametrize(("kernel", "said"), [("1\n", "1"), ("0\n", "0"), (None, "not known")])
def test_what_its_own_crypto_runs_on_is_said(kernel: str | None, said: str, tmp_path: Path) -> None:
    if kernel is not None:
        (tmp_path / "fips_enabled").write_text(kernel)

    assert own_crypto(tmp_path / "fips_enabled")["kernelFipsEnabled"] == said


def test_the_sums_are_those_of_the_usual_tool(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")

    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=False)
    assert done.returncode == 0


def test_the_key_is_read_by_openssl(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")

    shown = subprocess.run(
        ["openssl", "pkey", "-pubin", "-noout", "-text", "-in", f"keys/{key_name()}.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "2048 bit" in shown


def test_the_page_shows_what_is_in_it_and_escapes_all(tmp_path: Path) -> None:
    archive = stored()
    archive.files["evidence/<script>alert(1)</script>/1.json"] = b""
    folder = written(archive, tmp_path / "pack")

    page = (folder / "index.html").read_text()
    assert PAY.path in page
    assert key_name() in page
    assert "1 names that no record has were left out" in page
    assert "<script" not in page
    assert json.loads((folder / "index.json").read_text())["leftOut"] == ["evidence/<script>alert(1)</script>/1.json"]


def test_a_pack_of_one_cluster_has_its_chain_the_fleets_and_the_manifests(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack", PAY.path)

    names = [name for name in Directory(folder).names() if name.startswith(("evidence/", "snapshots/"))]
    assert {name.rpartition("/")[0] for name in names} == {
        f"evidence/{PAY.path}",
        f"evidence/{FLEET}",
        f"evidence/{MANIFESTS}",
    }
    assert faults(folder) == []


def test_a_pack_since_a_day_begins_behind_that_days_manifest(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack", since=date(2026, 11, 24))

    names = list(Directory(folder).names("evidence/"))
    assert record_name(PAY.path, 6) not in names
    assert record_name(PAY.path, 7) in names
    assert record_name(FLEET, 1) in names
    assert record_name(MANIFESTS, 1) in names
    assert not list(Directory(folder).names("snapshots/daily/2026-11-23"))
    with opened(folder) as found:
        assert found.pack
        assert found.pack.scope == Scope(after=2)
    assert faults(folder) == []


def test_what_is_damaged_is_exported_as_it_is_and_named_by_the_verification(tmp_path: Path) -> None:
    archive = stored()
    archive.files[record_name(PAY.path, 2)] = b"garbage"
    archive.files[record_name(MANIFESTS, 2)] = b"garbage"
    del archive.files["snapshots/daily/2026-11-25.json"]
    folder = written(archive, tmp_path / "pack")

    assert {one.split()[0] for one in faults(folder)} >= {
        record_name(PAY.path, 2),
        record_name(MANIFESTS, 2),
        "snapshots/daily/2026-11-25.json",
    }


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_written_over(there: str, tmp_path: Path) -> None:
    target = tmp_path / "pack"
    if there == "file":
        target.write_text("mine")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")

    with pytest.raises(InputError, match="is there already"):
        written(stored(), target)
    assert list(tmp_path.iterdir()) == [target]


class Breaks(Stored):
    """Storage that goes away in the middle."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield some names."""
        for number, name in enumerate(super().names(prefix)):
            if number == 2:
                raise OSError("gone")
            yield name


def test_an_export_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    archive = Breaks()
    archive.files = stored().files

    with pytest.raises(OSError, match="gone"):
        written(archive, tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []


def test_a_pack_that_has_lost_its_lists_is_no_sound_one(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")
    (folder / "SHA256SUMS").unlink()
    with opened(folder) as found:
        assert [str(fault) for fault in found.faults] == ["SHA256SUMS is missing: a pack has it"]


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"schema":"x","at":"2026-11-23T09:30:04Z","scope":{}}',
        b'{"schema":"fipswarden.pack/1","at":"2026-11-23T09:30:04Z","scope":{"cluster":"../.."}}',
        b'{"schema":"fipswarden.pack/1","at":"2026-11-23T09:30:04Z","scope":{},"heads":{"x":{"seq":1,"hash":"x"}}}',
    ],
)
def test_an_index_that_is_none_is_named(index: bytes, tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")
    (folder / "index.json").write_bytes(index)
    with opened(folder) as found:
        assert found.pack is None
        assert str(found.faults[0]).startswith("index.json can't be read: ")


def test_hidden_files_are_no_part_of_a_folder_and_nothing_leads_out_of_it(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")
    (folder / ".DS_Store").write_bytes(b"")

    assert faults(folder) == []
    with pytest.raises(FileNotFoundError):
        Directory(folder).data("../pack/index.json")


def test_every_link_in_the_pages_of_a_pack_is_to_a_file_of_the_pack(tmp_path: Path) -> None:
    folder = written(stored(), tmp_path / "pack")

    linked = {
        (page, target.partition("#")[0])
        for page, link in (
            ("VERIFY.md", r"\]\(([^)]+)\)"),
            ("records.md", r"\]\(([^)]+)\)"),
            ("index.html", r'href="([^"]+)"'),
        )
        for target in re.findall(link, (folder / page).read_text())
    }
    assert {("VERIFY.md", "records.md"), ("records.md", "evidence.schema.json"), ("index.html", "records.md")} <= linked
    assert [one for one in sorted(linked) if not (folder / one[1]).exists()] == []
