"""`fipswarden evidence verify` and `export`: what they print, what they return, and that an auditor needs no Azure."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cli import counter
from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryTable
from shared import bootstrap
from shared.archive import Directory
from shared.domain.codec import plain
from shared.domain.manifests import anchor_of
from shared.domain.memory import Memory
from shared.domain.pack import SUMS, sum_line
from shared.domain.records import FLEET, MANIFESTS, Head, RecordKind, read_record
from shared.domain.verification import record_name
from shared.heads import KEYS, PARTITION
from shared.key_files import pem
from shared.packing import Wanted, write_pack
from shared.ports import Put
from shared.postures import StoredPosture, commit
from tests.builders import NOW, cluster, cluster_id, judged
from tests.stored import ASKED, INTENT, MEDIA, PAY, Stored, key_name, public, rotated, signing_key, stored


class App:
    """The storage of an app: evidence, and the rows that remember the heads."""

    def __init__(self) -> None:
        self.archive = stored()
        self.tables = {name: MemoryTable(ManualClock(NOW)) for name in ("posture", "rollout")}
        for one in (PAY, MEDIA):
            head = self.archive.heads[one.path]
            commit(self.tables["posture"], one, StoredPosture(head, judged(cluster(), Memory())))
        for chain in (FLEET, MANIFESTS):
            put = Put(KEYS[chain], None, {}, plain({"head": self.archive.heads[chain]}))
            self.tables["rollout"].write(PARTITION, put)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Storage in memory where `bootstrap` would reach Azure's."""
    made = App()
    monkeypatch.setattr(bootstrap, "table", lambda name: made.tables[name])
    monkeypatch.setattr(bootstrap, "archive", lambda: made.archive)
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: made.archive.at)
    return made


@pytest.fixture
def pack(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """An exported pack."""
    assert main(["evidence", "export", str(tmp_path / "pack")]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/pack: 20 records of 3 chains, and the manifests\n"
        f"verify it: fipswarden evidence verify --offline {tmp_path}/pack\n"
    )
    return tmp_path / "pack"


@pytest.fixture
def alone(pack: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack in the hands of an auditor, who has no Azure."""

    def none(*_: object) -> None:
        raise AssertionError("Azure was asked")

    monkeypatch.setattr(bootstrap, "table", none)
    monkeypatch.setattr(bootstrap, "archive", none)
    return pack


def test_sound_evidence_says_so_with_what_to_compare(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "verify"]) == 0
    last = app.archive.heads[MANIFESTS]
    assert capsys.readouterr().out.splitlines() == [
        "nothing is wrong: 23 records, 3 chains, 3 manifests",
        f"last manifest: 3 of 2026-11-25, SHA-256 {last.hash}; compare it with your mail, or give --manifest",
        f"manifests 1 to 3 name the key {key_name()}; nobody vouched for it: compare it with your mail, or give --key",
        "records behind the last manifest: 1; no manifest vouches for them yet",
    ]


def test_programs_get_faults_notes_counts_and_heads(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    del app.archive.files[record_name(PAY.path, 10)]

    assert main(["evidence", "verify", "--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    missing = {"name": record_name(PAY.path, 10), "said": "is missing; the app's row knows of record 10"}
    assert (found["faults"], found["total"]) == ([missing], 1)
    assert [found[name] for name in ("records", "chains", "manifests", "unsigned", "unanchored")] == [22, 3, 3, 0, 0]
    assert found["scope"] == {"cluster": "", "after": 0}
    assert found["lastManifest"] == {
        "date": "2026-11-25", **plain(app.archive.heads[MANIFESTS]), "given": False, "late": False
    }  # fmt: skip
    assert found["keys"] == {key_name(): {"first": 1, "last": 3}}
    assert list(found["heads"]) == sorted(app.archive.heads)
    assert found["heads"][MEDIA.path] == plain(app.archive.heads[MEDIA.path])
    assert found["heads"][PAY.path]["seq"] == 9
    assert "compare it with your mail" in found["notes"][0]


def test_programs_are_told_that_there_is_nothing(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.archive.files.clear()
    for table in app.tables.values():
        table._rows.clear()

    assert main(["evidence", "verify", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["faults"], found["records"], found["lastManifest"], found["heads"]) == ([], 0, None, {})
    assert (found["unnamed"], found["quiet"], found["foreign"]) == ([], [], [])


@pytest.mark.parametrize("most", ["0", "-3", "x", "1.5", "9" * 5000])
def test_a_number_of_faults_that_cannot_be_listed_is_bad_usage(most: str, app: App) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evidence", "verify", "--most", most])
    assert ended.value.code == 64


@pytest.mark.parametrize(
    "command",
    [["evidence", "verify"], ["evidence", "export", "new"], ["evidence", "show", "g/c"], ["report"]],
    ids=lambda one: " ".join(one[:2]),
)
def test_all_settings_that_are_missing_are_named_at_once(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(os.environ):
        if name.startswith(("AzureWebJobsStorage", "EVIDENCE_STORAGE", "FIPSWARDEN_")):
            monkeypatch.delenv(name)
    bootstrap.settings.cache_clear()

    assert main(command) == 64
    told = capsys.readouterr().err
    assert "AzureWebJobsStorage__tableServiceUri: missing" in told
    assert "EVIDENCE_STORAGE__blobServiceUri: missing" in told


def test_a_missing_end_is_known_from_the_rows(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (record_name(PAY.path, 10), record_name(FLEET, 1), record_name(MANIFESTS, 3)):
        del app.archive.files[name]

    assert main(["evidence", "verify"]) == 1
    out = capsys.readouterr().out
    assert all(f"{name} is missing" in out for name in (record_name(PAY.path, 10), record_name(FLEET, 1)))
    assert out.startswith(f"{record_name(MANIFESTS, 3)} is missing; the app's row knows of record 3")


def test_no_evidence_is_unknown(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.archive.files.clear()
    app.tables = {name: MemoryTable(ManualClock(NOW)) for name in ("posture", "rollout")}

    assert main(["evidence", "verify"]) == 2
    assert capsys.readouterr().out == "there is no evidence to verify\n"


def test_without_manifests_it_is_said_that_nothing_vouches(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    for name in list(app.archive.names(f"evidence/{MANIFESTS}/")):
        del app.archive.files[name]
    app.tables["rollout"] = MemoryTable(ManualClock(NOW))

    assert main(["evidence", "verify"]) == 0
    assert "there are no manifests: nothing outside" in capsys.readouterr().out


def test_the_first_faults_are_listed_and_the_others_counted(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    for seq in range(1, 8):
        app.archive.files[record_name(PAY.path, seq)] = b"garbage"

    assert main(["evidence", "verify", "--most", "2"]) == 1
    first, second, more, verdict, *_ = capsys.readouterr().out.splitlines()
    assert first == f"{record_name(PAY.path, 1)} is not JSON: it was changed or cut short"
    assert second.startswith(record_name(PAY.path, 2))
    assert more.startswith("... and ")
    assert verdict.endswith("23 records, 3 chains, 3 manifests")


def test_one_cluster_alone_is_verified(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.archive.files[record_name(MEDIA.path, 2)] = b"garbage"

    assert main(["evidence", "verify", "--cluster", str(PAY)]) == 0
    assert f"only the cluster {PAY.path}" in capsys.readouterr().out


def test_since_a_day_the_records_before_it_are_left(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.archive.files[record_name(PAY.path, 2)] = b"garbage"

    assert main(["evidence", "verify", "--since", "2026-11-24"]) == 0
    assert "records up to the heads in manifest 2 were not verified" in capsys.readouterr().out


def test_a_pack_is_verified_without_azure(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "verify", "--offline", str(alone), "--key", key_name()]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nothing is wrong: 23 records")
    assert "nobody vouched" not in out


def test_a_tampered_pack_is_named_for_what_was_touched(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = alone / record_name(PAY.path, 4)
    record.write_bytes(record.read_bytes().replace(b'"ana"', b'"bob"'))

    assert main(["evidence", "verify", "--offline", str(alone)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"{record_name(PAY.path, 4)} was changed: SHA256SUMS lists another hash"


@pytest.mark.parametrize(
    ("index", "named"),
    [
        ({"scope": {"cluster": "", "after": 3}}, f"{record_name(PAY.path, 1)} is no part of what the pack holds"),
        ({"scope": {"cluster": MEDIA.path, "after": 0}}, f"{record_name(PAY.path, 1)} is no part of"),
        ({"scope": {"cluster": PAY.path, "after": 0}}, "snapshots/daily/2026-11-23.json is no part of"),
        ({"scope": {"cluster": "", "after": 9}}, "index.json begins behind manifest 9, which is not there"),
        ({"scope": {"cluster": "", "after": -1}}, "index.json can't be read: it has a scope that can't be"),
        ({"at": "0001-01-01T00:00:00+23:59"}, "index.json can't be read: Pack.at: "),
        ({"at": "9999-12-31T23:59:59-23:59"}, "index.json can't be read: Pack.at: "),
        ({"at": "9999-12-31T23:59:59+00:00"}, "index.json can't be read: it says that it was written at 9999-12-31"),
        ({"at": "0001-01-01T00:00:00+00:00"}, "index.json can't be read: it says that it was written at 0001-01-01"),
        ({"scope": {"cluster": FLEET, "after": 0}}, "index.json can't be read: it has a scope that can't be"),
        ({"heads": {PAY.path: {"seq": 10**30, "hash": "0" * 64}}}, "index.json can't be read: it names a head that"),
    ],
)
def test_an_index_that_leaves_out_what_is_there_is_named(
    index: dict[str, object], named: str, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads((alone / "index.json").read_bytes())
    (alone / "index.json").write_text(json.dumps({**told, **index}))

    assert main(["evidence", "verify", "--offline", str(alone), "--most", "99"]) == 1
    assert named in capsys.readouterr().out


def test_a_part_of_a_pack_can_be_verified(alone: Path) -> None:
    assert main(["evidence", "verify", "--offline", str(alone), "--cluster", str(PAY)]) == 0
    assert main(["evidence", "verify", "--offline", str(alone), "--since", "2026-11-24"]) == 0


@pytest.mark.parametrize("text", [PAY.arm_id, str(PAY), str(PAY).upper()])
def test_a_cluster_of_a_pack_is_named_as_everywhere(text: str, alone: Path) -> None:
    (alone / record_name(MEDIA.path, 2)).write_bytes(b"garbage")

    # The list of files is of the whole pack.
    assert main(["evidence", "verify", "--offline", str(alone), "--cluster", text]) == 1
    (alone / "SHA256SUMS").unlink()
    (alone / "index.json").unlink()
    assert main(["evidence", "verify", "--offline", str(alone), "--cluster", text]) == 0


def told(app: App, seq: int) -> str:
    """A manifest as the daily mail has it."""
    return f"{seq}:{hashlib.sha256(app.archive.files[record_name(MANIFESTS, seq)]).hexdigest()}"


def test_manifests_that_were_told_outside_are_there_and_the_same(
    app: App, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--manifest", told(app, 2), "--manifest", f" 000{told(app, 3).upper()} "]

    assert main(["evidence", "verify", *given, "--offline", str(alone)]) == 0
    assert f"last manifest: 3 of 2026-11-25, SHA-256 {told(app, 3)[2:]}; it is the one that was given" in (
        capsys.readouterr().out
    )


def test_a_manifest_of_the_mail_that_is_another_or_gone_is_a_fault(
    app: App, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--manifest", f"2:{'a' * 64}", "--manifest", f"4:{'b' * 64}"]

    assert main(["evidence", "verify", *given, "--offline", str(alone)]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{record_name(MANIFESTS, 2)} was changed: its hash is not the one that the mail or event holds",
        f"{record_name(MANIFESTS, 4)} is missing; the mail or event knows of record 4",
    ]


@pytest.mark.parametrize("text", ["", "3", f"0:{'a' * 64}", f"3:{'a' * 63}", f"x:{'a' * 64}", f"-1:{'a' * 64}"])
def test_what_is_no_manifest_is_bad_usage(text: str, app: App) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evidence", "verify", f"--manifest={text}"])
    assert ended.value.code == 64


def test_it_is_said_that_the_last_manifest_is_old(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.archive.at += timedelta(hours=27)

    assert main(["evidence", "verify"]) == 0
    assert "it was 27 hours old, and one is made a day: those after it were not made" in capsys.readouterr().out
    assert main(["evidence", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lastManifest"]["late"] is True


def test_chains_that_no_manifest_names_are_told(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    invented = cluster_id("aks-invented")
    app.archive.add(invented, RecordKind.REQUEST, plain(ASKED))

    assert main(["evidence", "verify"]) == 0
    assert f"1 chain that no manifest names: {invented.path}" in capsys.readouterr().out
    assert main(["evidence", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unnamed"] == [invented.path]


@pytest.mark.parametrize(
    ("key", "said"),
    [([], "may be signed by any key"), (["--key", key_name()], "a key that was given has to vouch for")],
)
def test_a_pack_that_begins_behind_a_manifest_says_from_where_on_and_what_has_no_record_there(
    key: list[str], said: str, app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "export", str(tmp_path / "part"), "--since", "2026-11-25"]) == 0
    capsys.readouterr()
    verify = ["evidence", "verify", "--offline", str(tmp_path / "part"), *key]

    assert main(verify) == 0
    out = capsys.readouterr().out
    assert f"verified from manifest 3 on, which {said}" in out
    assert f"1 chain without a record behind manifest 3; how it is there was not read: {MEDIA.path}" in out
    assert main([*verify, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quiet"] == [MEDIA.path]


def as_forger(pack: Path) -> None:
    """Make SHA256SUMS anew."""
    names = [name for name in Directory(pack).names() if name != SUMS]
    lines = (sum_line(name, hashlib.sha256((pack / name).read_bytes()).hexdigest()) for name in names)
    (pack / SUMS).write_text("".join(lines))


def test_of_a_pack_it_is_said_what_nothing_vouches_for(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (alone / "VERIFY.md").write_text("run `true`")
    as_forger(alone)

    assert main(["evidence", "verify", "--offline", str(alone)]) == 0
    out = capsys.readouterr().out
    assert "it is of 2026-11-25 09:38 UTC: nothing vouches for that, for the rest of index.json, or for index" in out
    assert "not as this version of fipswarden writes it, and nothing else vouches for it: VERIFY.md" in out


@pytest.mark.parametrize("name", ["REPORT.html", "keys/x.pem", "policies/x.yaml", f"{PAY.path}/0000000001.json"])
def test_a_file_that_no_pack_has_was_added(name: str, alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (alone / name).parent.mkdir(parents=True, exist_ok=True)
    (alone / name).write_bytes(b"x")
    as_forger(alone)

    assert main(["evidence", "verify", "--offline", str(alone)]) == 1
    assert capsys.readouterr().out.startswith(f"{name} is no part of what the pack holds: it was added\n")


@pytest.mark.parametrize("pattern", ["keys/*.pem", "keys/*.jwk.json", "policies/*", "index.json", "VERIFY.md"])
def test_a_copy_that_is_changed_or_gone_is_named(pattern: str, alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = alone.glob(pattern)
    name = path.relative_to(alone).as_posix()
    if "/" in name:
        # A JSON object that says two things, of which each reader believes one; of the others the bytes count.
        path.write_bytes(b'{"n":"AQAB",' + path.read_bytes()[1:])
        as_forger(alone)
        assert main(["evidence", "verify", "--offline", str(alone)]) == 1
        assert capsys.readouterr().out.startswith(f"{name} was changed: it is not what the manifests or the fleet's")

    path.unlink()
    as_forger(alone)
    assert main(["evidence", "verify", "--offline", str(alone)]) == 1
    assert f"{name} is missing: a pack has it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "code"), [(partial(json.dumps, indent=2), 0), (lambda key: json.dumps(key | {"n": "AQAB"}), 1),
                       (lambda key: json.dumps([*key.items()]), 1), (lambda _: "7", 1), (lambda _: "[" * 9_999, 1)]
)  # fmt: skip
def test_of_a_key_what_its_file_says_is_compared_and_not_how_it_is_spaced(
    said: Callable[[dict[str, str]], str], code: int, alone: Path
) -> None:
    (path,) = alone.glob("keys/*.jwk.json")
    path.write_text(said(json.loads(path.read_bytes())))
    as_forger(alone)

    assert main(["evidence", "verify", "--offline", str(alone)]) == code


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname")], ids=["pipe", "link"])
def test_what_is_no_regular_file_is_a_fault_and_never_read(
    make: Callable[[Path], None], alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = record_name(PAY.path, 11)
    make(alone / name)

    assert main(["evidence", "verify", "--offline", str(alone)]) == 1
    assert capsys.readouterr().out.startswith(f"{name} is no regular file: it was added, and is not read\n")


def test_a_plain_copy_is_verified_and_said_to_be_one(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (alone / "SHA256SUMS").unlink()
    (alone / "index.json").unlink()

    assert main(["evidence", "verify", "--offline", str(alone)]) == 0
    assert "the folder is no pack" in capsys.readouterr().out


def as_pem(folder: Path) -> str:
    (folder / "key.pem").write_bytes(pem(public(signing_key())))
    return str(folder / "key.pem")


def as_jwk(folder: Path) -> str:
    (folder / "key.json").write_text(json.dumps(plain(public(signing_key()))))
    return str(folder / "key.json")


def as_another(folder: Path) -> str:
    (folder / "other.pem").write_bytes(pem(public(signing_key("a forger's"))))
    return str(folder / "other.pem")


@pytest.mark.parametrize(("key", "code"), [(as_pem, 0), (as_jwk, 0), (as_another, 1)])
def test_manifests_must_be_signed_by_the_key_that_is_given(
    key: Callable[[Path], str], code: int, alone: Path, tmp_path: Path
) -> None:
    assert main(["evidence", "verify", "--offline", str(alone), "--key", key(tmp_path)]) == code


@pytest.mark.parametrize("keys", [("old", "old", "new"), ("", "", "new"), ("new", "new", "new")])
def test_the_arguments_of_todays_mail_hold_whatever_was_signed_before(
    keys: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = rotated(*keys)
    write_pack(archive, tmp_path / "pack", Wanted(heads=archive.heads), archive.at)
    mail = anchor_of(read_record(archive.files[record_name(MANIFESTS, 3)])).verify.split()

    assert main(["evidence", "verify", "--offline", str(tmp_path / "pack"), *mail]) == 0
    out = capsys.readouterr().out
    assert ("manifests 1 to 2 name the key " + key_name("old") + ", which was not given" in out) == ("old" in keys)
    assert ("manifest 3 is the first that is signed by a key that was given; it vouches" in out) == (keys[0] != "new")


@pytest.mark.parametrize(
    "garbage", [b"", b"x", b"{}", b"[", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_key_is_refused(garbage: bytes, alone: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(garbage)

    assert main(["evidence", "verify", "--offline", str(alone), "--key", str(tmp_path / "key")]) == 64


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--offline", "nowhere"],
        ["verify", "--offline", "."],
        ["verify", "--since", "yesterday"],
        ["verify", "--key", "nowhere.pem"],
        ["verify", "--cluster", "rg-typo/aks-typo"],
        ["export", "pack", "--cluster", "rg-typo/aks-typo"],
        ["export", ""],
        ["export"],
        [],
    ],
)
def test_bad_input_is_told_and_nothing_is_written(
    arguments: list[str], app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["evidence", *arguments])
    except SystemExit as ended:
        code = int(str(ended.code))

    assert code == (2 if arguments == ["verify", "--offline", "."] else 64)
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_nothing_is_unknown(app: App, tmp_path: Path) -> None:
    app.archive.files.clear()

    assert main(["evidence", "export", str(tmp_path / "pack")]) == 2


def test_what_no_record_is_called_is_told_and_left_out(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.archive.files["evidence/notes.txt"] = b"mine"

    assert main(["evidence", "export", str(tmp_path / "pack"), "--cluster", PAY.arm_id]) == 0
    assert main(["evidence", "export", str(tmp_path / "all")]) == 0
    assert capsys.readouterr().err == "left out: evidence/notes.txt is the name of no record\n"


def test_an_intent_in_a_pack_is_as_old_as_the_pack(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app.archive.add(PAY, RecordKind.INTENT, plain(INTENT), "open")
    assert main(["evidence", "export", str(tmp_path / "pack")]) == 0
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW.replace(year=2030))

    assert main(["evidence", "verify", "--offline", str(tmp_path / "pack")]) == 0


def test_a_bar_is_shown_on_a_terminal_and_gone_afterwards(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert main(["evidence", "verify", "--offline", str(alone)]) == 0
    said = capsys.readouterr().err
    assert "[" in said
    assert said.endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [
        (0, None, "0"),
        (1234, None, "1,234"),
        (50, 100, "[###############               ]  50% 50 of 100"),
        (200, 100, f"[{'#' * 30}] 100% 200 of 100"),
    ],
)
def test_the_bar_says_how_far_it_is(done: int, total: int | None, shown: str) -> None:
    assert counter.bar(done, total) == shown


def test_heads_are_known_of_every_row(app: App) -> None:
    from shared.heads import known_heads

    commit(app.tables["posture"], cluster_id("aks-new"), StoredPosture())
    found = known_heads(app.tables["posture"], app.tables["rollout"])

    assert found == {**app.archive.heads, cluster_id("aks-new").path: Head()}
    assert isinstance(app.archive, Stored)
