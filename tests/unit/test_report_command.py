"""`fipswarden report`: from the account or from a pack, to a file or to standard output, with one meaning of codes."""

import csv
import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from cli import reporting
from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryTable
from shared import bootstrap
from shared.archive import Directory
from shared.domain.pack import INDEX, SUMS, sum_line
from shared.domain.records import Head
from shared.domain.stated import REPORT_LIMITS
from shared.domain.verification import record_name
from shared.packing import Wanted, write_pack
from shared.postures import StoredPosture, commit
from shared.reports.formats import FORMATS
from tests.builders import NOW
from tests.recorded import MEDIA, ON, PAY, PROVEN, Recorded, observation, read_of, recorded, verdict


def kept(archive: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Storage in memory where `bootstrap` would reach Azure's."""
    postures = MemoryTable(ManualClock(NOW))
    for cluster in (PAY, MEDIA):
        if cluster.path in archive.heads:
            commit(postures, cluster, StoredPosture(archive.heads[cluster.path]))
    tables = {"posture": postures, "rollout": MemoryTable(ManualClock(NOW))}
    monkeypatch.setattr(bootstrap, "archive", lambda: archive)
    monkeypatch.setattr(bootstrap, "table", tables.__getitem__)
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: ManualClock(NOW + timedelta(hours=1)))
    return archive


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """An evidence account with everything in it that a report tells apart."""
    return kept(recorded(), monkeypatch)


def well() -> Recorded:
    made = Recorded()
    made.texts()
    made.prove(PAY, "apps", NOW)
    made.see(PAY, observation(read_of(PAY, "apps"), [verdict("apps", ON, PROVEN)]))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    return made


def pack(archive: Recorded, folder: Path) -> Path:
    write_pack(archive, folder, Wanted("", None, archive.heads), NOW + timedelta(hours=1), lambda _: None)
    return folder


def test_a_pack_that_is_not_whole_is_told_in_the_report_and_returns_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(well(), tmp_path / "pack")
    (folder / "SHA256SUMS").unlink()

    assert main(["report", "--format", "json", "--offline", str(folder)]) == 1
    said = capsys.readouterr()
    assert {"what": "the fleet's records", "why": "SHA256SUMS is missing: a pack has it"} in json.loads(said.out)[
        "unread"
    ]
    assert said.err == "SHA256SUMS is missing: a pack has it\n"


def test_the_formats_are_those_that_are_written() -> None:
    assert {*reporting.FORMATS} == {*FORMATS}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_goes_to_standard_output_and_says_its_limits(
    account: Recorded, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert account.files
    assert main(["report", "--format", name]) == 1

    said = capsys.readouterr()
    assert "not assessed" in said.out.lower()
    assert said.err == ""


def test_a_report_goes_to_a_file_and_takes_the_place_of_the_last_one(
    account: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("old")

    assert account.files
    assert main(["report", "--format", "csv", "--to", str(file)]) == 1
    assert capsys.readouterr().out.startswith(f"{file}: as of 2026-11-23 10:30Z, 5 node pools in 2 clusters: ")
    assert len(list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))) > 5
    assert b"\r\n" in file.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["fleet.csv"]


@pytest.mark.parametrize("name", [".", "no/folder"])
def test_a_report_goes_to_no_folder(account: Recorded, tmp_path: Path, name: str) -> None:
    assert account.files
    (tmp_path / "here").mkdir()
    assert main(["report", "--to", str(tmp_path / "here" / name)]) == 64
    assert [*tmp_path.rglob("*")] == [tmp_path / "here"]


def test_a_report_that_fails_leaves_the_last_one(
    account: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fleet.html"
    file.write_text("old")
    monkeypatch.setattr("shared.reports.html_report._cards", lambda _: 1 / 0)

    assert account.files
    assert main(["report", "--to", str(file)]) == 70
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("fleet.html", "old")]


def test_a_folder_that_is_not_there_is_told(account: Recorded, tmp_path: Path) -> None:
    assert account.files
    assert main(["report", "--to", str(tmp_path / "no" / "report.html")]) == 64


def test_a_pack_gives_the_same_report_as_the_account(
    account: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(account, tmp_path / "pack")
    assert main(["report", "--format", "oscal"]) == 1
    online = capsys.readouterr().out

    assert main(["report", "--format", "oscal", "--offline", str(folder)]) == 1
    assert capsys.readouterr().out == online


def test_a_pack_is_reported_as_of_when_it_was_written(
    account: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(account, tmp_path / "pack")
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: ManualClock(NOW + timedelta(days=90)))

    main(["report", "--format", "json", "--offline", str(folder)])
    assert json.loads(capsys.readouterr().out)["asOf"] == "2026-11-23T10:30:04.000000Z"


def test_one_cluster_and_a_period_can_be_asked_for(account: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    assert account.files
    assert main(["report", "--format", "json", "--cluster", PAY.arm_id, "--since", "2026-11-22"]) == 1
    made = json.loads(capsys.readouterr().out)

    assert [one["cluster"] for one in made["clusters"]] == [PAY.arm_id]
    assert made["since"] == "2026-11-22T00:00:00.000000Z"
    assert made["clusters"][0]["attempts"] == []


def test_a_fleet_that_is_well_returns_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    kept(well(), monkeypatch)

    assert main(["report"]) == 0
    assert "1 compliant" in capsys.readouterr().out


def test_a_fleet_of_which_something_is_unknown_returns_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = kept(well(), monkeypatch)
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: ManualClock(NOW + timedelta(days=30)))

    assert made.files
    assert main(["report", "--format", "poam"]) == 2
    assert "ProofExpired" in capsys.readouterr().out


def test_evidence_that_is_not_whole_returns_1_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = kept(well(), monkeypatch)
    made.heads[PAY.path] = Head(2, "0" * 64)
    del made.files[record_name(PAY.path, 1)]

    assert main(["report"]) == 1
    said = capsys.readouterr()
    assert f"{record_name(PAY.path, 1)} is missing" in said.err
    assert f"{record_name(PAY.path, 1)} is missing" in said.out


def test_many_faults_are_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = kept(well(), monkeypatch)
    made.files |= {f"evidence/stray-{number:02}/x": b"" for number in range(30)}

    assert main(["report"]) == 1
    assert "and 10 more: `fipswarden evidence verify` names them" in capsys.readouterr().err


def test_no_evidence_returns_2_and_is_still_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(Recorded(), monkeypatch)

    assert main(["report"]) == 2
    said = capsys.readouterr()
    assert "no evidence" in said.err
    assert REPORT_LIMITS[1] in said.out


def test_a_folder_without_evidence_becomes_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").mkdir()
    report = tmp_path / "report.html"

    assert main(["report", "--offline", str(tmp_path / "elsewhere"), "--to", str(report)]) == 2
    assert not report.exists()
    assert capsys.readouterr().err == f"there is no evidence to report on: {report} was not written\n"


@pytest.mark.parametrize("name", ["policies", "added", "gone"])
def test_a_pack_that_is_not_what_its_list_says_is_told_and_returns_1(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(well(), tmp_path / "pack")
    text = next((folder / "policies").iterdir())
    match name:
        case "policies":
            text.write_text("version: 1")
        case "added":
            (folder / "evidence" / "notes.txt").write_text("x")
        case _:
            text.unlink()

    for form in FORMATS:
        assert main(["report", "--format", form, "--offline", str(folder)]) == 1
        said = capsys.readouterr()
        assert "SHA256SUMS" in said.out
        assert "SHA256SUMS" in said.err


def test_a_chain_that_was_added_is_told_in_one_row_and_hides_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(well(), tmp_path / "pack")
    invented = f"evidence/{PAY.subscription}/rg/invented"
    (folder / invented).mkdir(parents=True)
    records = sorted((folder / "evidence" / PAY.path).iterdir())
    for record in records:
        (folder / invented / record.name).write_bytes(record.read_bytes())
    (folder / "policies" / f"{'0' * 64}.yaml").write_text("x")

    assert main(["report", "--format", "json", "--offline", str(folder)]) == 1
    said = [row["why"] for row in json.loads(capsys.readouterr().out)["unread"] if "SHA256SUMS" in row["why"]]
    added = "is not in SHA256SUMS: it was added"
    assert said == [
        f"each of {len(records)} files of {invented}/ (the first is {records[0].name}) {added}",
        f"policies/{'0' * 64}.yaml {added}",
    ]


def test_what_lies_in_a_pack_of_one_cluster_and_is_no_part_of_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever narrows the index, and makes the list of files anew, would hide what the other clusters' records say."""
    made = well()
    made.see(MEDIA, observation(read_of(MEDIA, "apps"), [verdict("apps", ON, PROVEN)]))
    folder = pack(made, tmp_path / "pack")
    index = json.loads((folder / INDEX).read_bytes())
    (folder / INDEX).write_text(json.dumps(index | {"scope": {"cluster": PAY.path, "after": 0}}))
    (folder / "evidence" / "notes.txt").write_text("x")
    names = [name for name in Directory(folder).names() if name != SUMS]
    lines = (sum_line(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in names)
    (folder / SUMS).write_text("".join(lines))

    assert main(["report", "--format", "json", "--offline", str(folder)]) == 1
    said = [row["why"] for row in json.loads(capsys.readouterr().out)["unread"]]
    added = " is no part of what the pack holds, by index.json: it was added"
    (series,), (snapshot,) = (folder / "snapshots/daily").iterdir(), (folder / "snapshots/fleet").rglob("*.gz")
    others = [record_name(MEDIA.path, 1), "evidence/notes.txt"]
    assert {why.removesuffix(added) for why in said if why.endswith(added)} == {
        *others, *(one.relative_to(folder).as_posix() for one in (series, snapshot))
    }  # fmt: skip


@pytest.mark.parametrize("at", ["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_pack_whose_index_is_broken_is_told(
    at: str, form: str, account: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(account, tmp_path / "pack")
    told = json.loads((folder / "index.json").read_bytes())
    (folder / "index.json").write_text(json.dumps({**told, "at": at}))

    assert main(["report", "--format", form, "--offline", str(folder)]) == 1
    assert "index.json can't be read" in capsys.readouterr().err
