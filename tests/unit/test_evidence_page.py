"""docs/evidence.md is enough to verify a pack: its algorithm again, from the page, with the standard library alone.

Nothing of the product is used for it, so that the two can disagree.
"""

import base64
import datetime as dt
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.archive import Directory
from shared.domain.bodies import Outcome
from shared.domain.codec import plain
from shared.domain.operation import OutcomeState
from shared.domain.people import DecisionKind
from shared.domain.planned import ActionKind
from shared.domain.records import RecordKind
from shared.folder import opened
from shared.packing import Wanted, write_pack
from shared.verifying import Asked, Verification
from tests.builders import NOW
from tests.stored import INTENT, MEDIA, PAY, Stored, key_name, rotated, said, signed, signing_key, stored

PAGE = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")
RECORDS = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")
KINDS = {"observation", "proof", "intent", "outcome", "request", "replacement", "approval", "exemption", "policy"}


PROSE = {"index.json", "index.html", "VERIFY.md", "certificates.json", "evidence.schema.json"}


def decode(text: str) -> bytes:
    """Read base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(key: dict[str, str]) -> str:
    """A key's name by RFC 7638."""
    named = json.dumps({name: key[name] for name in ("e", "kty", "n")}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(named).digest()).rstrip(b"=").decode()


def der(tag: int, content: bytes) -> bytes:
    """One value of ASN.1 as DER."""
    size = len(content)
    long = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(long)]) + long) + content


def key_files(key: dict[str, str]) -> Iterator[tuple[str, object]]:
    """The two files of a key: the members of the JWK, and the hash of the PEM."""
    yield f"keys/{thumbprint(key)}.jwk.json", sorted((name, key[name]) for name in ("kid", "kty", "n", "e"))
    numbers = b"".join(der(2, b"\0" * (decode(key[name])[0] >> 7) + decode(key[name])) for name in ("n", "e"))
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    text = base64.b64encode(der(0x30, algorithm + der(3, b"\0" + der(0x30, numbers)))).decode()
    lines = ["-----BEGIN PUBLIC KEY-----", *re.findall(".{1,64}", text), "-----END PUBLIC KEY-----", ""]
    yield f"keys/{thumbprint(key)}.pem", hashlib.sha256("\n".join(lines).encode()).hexdigest()


def time(said: dict[str, Any]) -> dt.datetime:
    """When a record was made, or a pack written; raises ValueError for no time with a zone that UTC can hold."""
    at = dt.datetime.fromisoformat(said["at"])
    try:
        at.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(said["at"]) from error
    if at.tzinfo is None:
        raise ValueError(said["at"])
    return at


class Reader:
    """The algorithm; each method is the step of its number."""

    def __init__(self, folder: Path, *keys: str) -> None:
        self.folder, self.keys = folder, keys
        self.wrong: list[str] = []
        files = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
        seen = {path.relative_to(folder): path.is_file() and not path.is_symlink() for path in files}
        seen = {path: regular for path, regular in seen.items() if not any(part[0] == "." for part in path.parts)}
        self.names = sorted(path.as_posix() for path, regular in seen.items() if regular)
        self.odd = [path.as_posix() for path, regular in seen.items() if not regular]

    def faults(self) -> list[str]:
        self.step_1()
        self.step_2()
        self.step_3()
        self.step_4_and_5()
        self.step_6()
        self.step_7()
        self.step_8()
        self.step_9()
        return self.wrong

    def hash(self, name: str) -> str:
        path = self.folder / name
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    def copy(self, name: str) -> object:
        """What is compared of a copy: the members of a JWK, else the hash."""
        if not name.endswith(".jwk.json"):
            return self.hash(name)
        try:
            return sorted(json.loads((self.folder / name).read_bytes(), object_pairs_hook=list))
        except (OSError, ValueError, TypeError):
            return None

    def step_1(self) -> None:
        *lines, rest = (self.folder / "SHA256SUMS").read_text().split("\n")
        listed = [(line[66:], line[:64]) for line in lines if line[64:66] == "  "]
        if rest or len(listed) < len(lines) or listed != sorted(listed):
            self.wrong.append("SHA256SUMS")
        self.wrong += [name for name, digest in listed if self.hash(name) != digest]
        self.wrong += sorted(set(self.names) - {name for name, _ in listed} - {"SHA256SUMS"}) + self.odd

    def step_2(self) -> None:
        index = json.loads((self.folder / "index.json").read_bytes())
        try:
            self.at = time(index)
            if not 2000 <= self.at.year <= 8999:
                self.wrong.append("index.json")
        except ValueError:
            self.wrong.append("index.json")
            self.at = dt.datetime.max.replace(tzinfo=dt.UTC)
        self.cluster, self.after = index["scope"]["cluster"], index["scope"]["after"]
        self.heads = index["heads"]
        self.base = f"evidence/_manifests/{self.after:010}.json"
        if self.after and self.base not in self.names:
            self.wrong.append("index.json")

    def meant(self, chain: str) -> bool:
        return not self.cluster or chain in (self.cluster, "_fleet", "_manifests")

    def step_3(self) -> None:
        self.chains: dict[str, dict[int, str]] = {}
        chain = r"_fleet|_manifests|[^/]+/[^/]+/[^/]+"
        for name in self.names:
            if name.startswith("evidence/"):
                found = re.fullmatch(rf"evidence/({chain})/(\d{{10}})\.json", name)
                if not found or found[1] != found[1].lower() or not int(found[2]):
                    self.wrong.append(name)
                elif self.meant(found[1]):
                    self.chains.setdefault(found[1], {})[int(found[2])] = name
                else:
                    self.wrong.append(name)
        self.wrong += sorted(PROSE - set(self.names))

    def step_4_and_5(self) -> None:
        self.said: dict[str, dict[str, Any]] = {}
        for chain, numbers in self.chains.items():
            self.said |= {name: found for seq, name in numbers.items() if (found := self.record(chain, seq, name))}
        self.begin: dict[str, tuple[int, str]] = {}
        if self.after:
            base = self.said.get(self.base, {})
            self.begin = {chain: (head["seq"], head["hash"]) for chain, head in base.get("chains", {}).items()}
            self.begin.pop("_fleet", None)
        for chain, numbers in self.chains.items():
            seq, digest = self.begin.get(chain, (0, "0" * 64))
            for number in sorted(numbers):
                name = numbers[number]
                if number != seq + 1 or self.said.get(name, {}).get("previous") != digest:
                    self.wrong += [name, numbers.get(seq, name)]
                seq, digest = number, self.hash(name)

    def record(self, chain: str, seq: int, name: str) -> dict[str, Any] | None:
        data = (self.folder / name).read_bytes()
        try:
            found = json.loads(data)
            text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            parts = str(found.get("cluster")).lower().split("/")
            own = f"{parts[2]}/{parts[4]}/{parts[8]}" if "cluster" in found else found["chain"]
            kinds = {"manifest"} if chain == "_manifests" else KINDS
            good = (
                text.encode(errors="backslashreplace") == data
                and found["schema"] == "fipswarden.evidence/1"
                and (own, found["seq"], type(found["seq"])) == (chain, seq, int)
                and isinstance(found["id"], str)
                and found["id"]
                and found["kind"] in kinds
                and time(found)
                and re.fullmatch("[0-9a-f]{64}", found["previous"])
                and self.is_called_right(found)
            )
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            good, found = False, None
        if not good:
            self.wrong.append(name)
        return found if good else None

    def is_called_right(self, found: dict[str, Any]) -> bool:
        if found["kind"] not in ("policy", "exemption"):
            return True
        text, called = str(found["text"]), str(found["hash"])
        return called == hashlib.sha256(text.encode()).hexdigest() or text == called == ""

    def manifests(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        for seq, name in sorted(self.chains.get("_manifests", {}).items()):
            if name in self.said:
                yield seq, name, self.said[name]

    def step_6(self) -> None:
        before = trusted = False
        last = "evidence/_manifests/"
        for _, last, found in self.manifests():
            good = self.is_signed(found) if "signature" in found else not before
            own = "signature" in found and thumbprint(found["key"]) in self.keys
            if not good or (trusted and not own):
                self.wrong.append(last)
            before |= "signature" in found
            trusted |= good and own
        if self.keys and not trusted:
            self.wrong.append(last)

    def is_signed(self, found: dict[str, Any]) -> bool:
        key = found["key"]
        whole = {name: value for name, value in found.items() if name != "signature"}
        data = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        n, e = int.from_bytes(decode(key["n"])), int.from_bytes(decode(key["e"]))
        size = (n.bit_length() + 7) // 8
        signature = decode(found["signature"])
        number = int.from_bytes(signature)
        if n.bit_length() < 2048 or len(signature) != size or number >= n:
            return False
        end = b"\0" + bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
        wanted = b"\0\1" + b"\xff" * (size - len(end) - 2) + end
        return pow(number, e, n).to_bytes(size) == wanted

    def step_7(self) -> None:
        known = [found["chains"] for seq, _, found in self.manifests() if seq >= self.after]
        for heads in (*known, self.heads):
            for chain, head in heads.items():
                place = head["seq"], head["hash"]
                if not self.meant(chain) or not head["seq"] or place == self.begin.get(chain):
                    continue
                name = self.chains.get(chain, {}).get(head["seq"], "")
                if not name or self.hash(name) != head["hash"]:
                    self.wrong.append(name or f"evidence/{chain}/{head['seq']:010}.json")

    def step_8(self) -> None:
        wanted: dict[str, object] = {}
        for seq, _, found in self.manifests():
            if found.get("key"):
                for name, data in key_files(found["key"]):
                    wanted.setdefault(name, data)
            for file in (found.get("snapshot"), found.get("series")):
                if file and seq >= self.after and not self.cluster:
                    wanted[f"snapshots/{file['name']}"] = file["sha256"]
        for name in self.chains.get("_fleet", {}).values():
            found = self.said.get(name, {})
            folder = {"policy": "policies", "exemption": "exemptions"}.get(found.get("kind", ""))
            if folder and found["hash"]:
                wanted[f"{folder}/{found['hash']}.yaml"] = found["hash"]
        self.wrong += [name for name, copy in wanted.items() if self.copy(name) != copy]
        others = {name for name in self.names if not name.startswith("evidence/")}
        self.wrong += sorted(others - {"SHA256SUMS"} - PROSE - set(wanted))

    def step_9(self) -> None:
        latest = max([self.at, *(time(found) for _, _, found in self.manifests())])
        for numbers in self.chains.values():
            found = [(name, self.said[name]) for _, name in sorted(numbers.items()) if name in self.said]
            days = [(name, one["date"], time(one).astimezone(dt.UTC)) for name, one in found if "date" in one]
            self.wrong += [name for name, day, at in days if day != at.date().isoformat()]
            ids = [one["id"] for _, one in found if one["kind"] == "manifest"]
            self.wrong += [name for at, (name, one) in enumerate(found) if one["id"] in ids[:at]]
            self.wrong += [name for name, one in found if time(one) - self.at > dt.timedelta(hours=1)]
            whole = len(found) == len(numbers) == max(numbers)
            last: dict[str, tuple[str, dict[str, Any]]] = {}
            for name, one in found:
                if one["kind"] == "intent":
                    if one["id"] in last:
                        self.wrong.append(name)
                    last[one["id"]] = name, one
                elif one["kind"] == "outcome":
                    if one["intent"] not in last and whole:
                        self.wrong.append(name)
                    if last.get(one["intent"], ("", {}))[1].get("outcome", "accepted") == "accepted":
                        last[one["intent"]] = name, one
            for name, one in last.values():
                most = {"intent": dt.timedelta(hours=1, minutes=8), "accepted": dt.timedelta(days=7)}
                if latest - time(one) > most.get(one.get("outcome", one["kind"]), dt.timedelta.max):
                    self.wrong.append(name)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A sound pack."""
    archive = stored()
    write_pack(archive, tmp_path / "pack", Wanted(heads=archive.heads), archive.at)
    return tmp_path / "pack"


def test_the_algorithm_has_the_steps_that_are_done_here() -> None:
    section = PAGE.partition("## The algorithm")[2].partition("\n## ")[0]
    steps = [int(number) for number in re.findall(r"(?m)^(\d+)\. \*\*", section)]
    done = [int(number) for name in dir(Reader) for number in re.findall(r"\d+", name) if name.startswith("step_")]

    assert sorted(done) == steps[:-1] == list(range(1, 10))


@pytest.mark.parametrize("kind", RecordKind)
def test_every_kind_of_record_stands_on_both_pages(kind: str) -> None:
    (row,) = re.findall(r"(?m)^\| `kind` \|.*$", PAGE)
    rows = "".join(re.findall(r"(?m)^\| (`[a-z`, ]+) \|", RECORDS))

    assert f"`{kind}`" in row
    assert f"`{kind}`" in rows
    assert {*KINDS, "manifest"} == {*RecordKind}


@pytest.mark.parametrize("kind", DecisionKind)
def test_every_decision_of_a_person_stands_on_the_page(kind: str) -> None:
    (row,) = re.findall(r"(?m)^\| `approval` \|.*$", RECORDS)
    assert f"`{kind}`" in row


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ({"after": 999}, "index.json"),
        ({"after": 3}, f"evidence/{PAY.path}/0000000001.json"),
        ({"cluster": PAY.path}, f"evidence/{MEDIA.path}/0000000001.json"),
        ({"cluster": PAY.path}, "snapshots/daily/2026-11-24.json"),
    ],
)
def test_a_scope_that_leaves_out_what_is_there_is_found(scope: dict[str, object], named: str, pack: Path) -> None:
    index = json.loads((pack / "index.json").read_bytes())
    (pack / "index.json").write_text(json.dumps({**index, "scope": {"cluster": "", "after": 0, **scope}}))
    sums(pack)

    assert named in Reader(pack, key_name()).faults()


def test_a_pack_without_manifests_does_not_hold_for_who_has_the_key(pack: Path) -> None:
    for path in (pack / "evidence/_manifests").iterdir():
        path.unlink()
    sums(pack)

    assert "evidence/_manifests/" in Reader(pack, key_name()).faults()


def test_a_sound_pack_has_no_fault(pack: Path) -> None:
    assert Reader(pack).faults() == []
    assert Reader(pack, key_name()).faults() == []


@pytest.mark.parametrize(
    ("keys", "given"),
    [
        (("old", "old", "new"), ["new"]),
        (("", "", "new"), ["new"]),
        (("", "old", "new"), ["old", "new"]),
        (("old", "new", "old"), ["old", "new"]),
        (("old", "new", "new"), ["old"]),
        (("old", "new", "old"), ["old"]),
        (("", "old", ""), ["old"]),
        (("old", "new"), ["another"]),
        (("", ""), ["another"]),
    ],
)
def test_page_and_program_hold_the_same_manifests_to_the_keys_that_were_given(
    keys: tuple[str, ...], given: list[str], tmp_path: Path
) -> None:
    archive = rotated(*keys)
    write_pack(archive, tmp_path / "pack", Wanted(heads=archive.heads), archive.at)
    names = list(map(key_name, given))
    with opened(tmp_path / "pack") as found:
        assert found.pack
        asked = Asked(found.pack.at, trusted=frozenset(names))
        by_program = [one.name for one in Verification(found.archive, asked, found.sums).faults()]

    assert Reader(tmp_path / "pack", *names).faults() == by_program
    assert by_program == [] or given in (["old"], ["another"])


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
@pytest.mark.parametrize("name", ["index.json", "evidence/_manifests/0000000003.json"])
def test_a_time_that_utc_cannot_hold_is_found(name: str, at: str, pack: Path) -> None:
    say(pack / name, at=at)
    sums(pack)

    assert name in Reader(pack, key_name()).faults()


@pytest.mark.parametrize("at", ["1999-12-31T23:59:59+00:00", "9999-12-31T23:59:59+00:00"])
def test_a_pack_that_says_it_was_written_at_an_end_of_the_calendar_is_found(at: str, pack: Path) -> None:
    name = "index.json"
    say(pack / name, at=at)
    sums(pack)

    assert name in Reader(pack, key_name()).faults()


@pytest.mark.parametrize("wanted", [Wanted(PAY.path), Wanted(since=NOW.date()), Wanted(PAY.path, NOW.date())])
def test_neither_has_a_part(wanted: Wanted, tmp_path: Path) -> None:
    archive = stored()
    write_pack(archive, tmp_path / "pack", wanted, archive.at)
    assert Reader(tmp_path / "pack", key_name()).faults() == []


def chain(*records: tuple[RecordKind, dict[str, Any], str]) -> Stored:
    """Evidence with more records on one chain."""
    archive = stored(days=1)
    for kind, body, name in records:
        archive.add(PAY, kind, body, name)
    return archive


ACCEPTED = plain(Outcome("apps", ActionKind.ENABLE_FIPS, "long", None, OutcomeState.ACCEPTED, ""))
LONG = (RecordKind.INTENT, plain(INTENT), "long")


@pytest.mark.parametrize(
    ("archive", "later", "number"),
    [
        (chain(LONG), timedelta(minutes=69), 5),
        (chain(LONG, (RecordKind.OUTCOME, ACCEPTED, "answer")), timedelta(days=7, minutes=1), 6),
        (chain(LONG, LONG, (RecordKind.OUTCOME, ACCEPTED, "answer")), timedelta(), 6),
        (chain((RecordKind.OUTCOME, ACCEPTED, "answer")), timedelta(), 5),
        (chain(LONG), timedelta(hours=-2), 5),
    ],
    ids=["no outcome", "no end", "one id twice", "no intent", "to come"],
)
def test_page_and_program_name_the_same_intents_outcomes_and_times(
    archive: Stored, later: timedelta, number: int, tmp_path: Path
) -> None:
    write_pack(archive, tmp_path / "pack", Wanted(), archive.at + later)
    with opened(tmp_path / "pack") as found:
        assert found.pack
        by_program = {one.name for one in Verification(found.archive, Asked(found.pack.at), found.sums).faults()}

    assert f"evidence/{PAY.path}/{number:010}.json" in by_program
    assert set(Reader(tmp_path / "pack").faults()) == by_program


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def twice(path: Path) -> None:
    """Say two things in a JSON object, of which each reader believes one."""
    path.write_bytes(b'{"n":"AQAB",' + path.read_bytes()[1:])


def say(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(said(path.read_bytes()) | changes, sort_keys=True, separators=(",", ":")))


def sign(path: Path) -> None:
    whole = signed(said(path.read_bytes()), signing_key("a forger's"))
    path.write_text(json.dumps(whole, sort_keys=True, separators=(",", ":")))


def sums(folder: Path) -> None:
    """Make SHA256SUMS anew, as a forger would."""
    archive = Directory(folder)
    lines = [
        f"{hashlib.sha256(archive.data(name)).hexdigest()}  {name}\n"
        for name in archive.names()
        if name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize("mended", [False, True], ids=["as it is", "sums made anew"])
@pytest.mark.parametrize(
    ("name", "tamper"),
    [
        (f"evidence/{PAY.path}/0000000002.json", append),
        (f"evidence/{PAY.path}/0000000002.json", lambda path: say(path, pool="x")),
        (f"evidence/{PAY.path}/0000000010.json", lambda path: say(path, pool="x")),
        (f"evidence/{PAY.path}/0000000010.json", Path.unlink),
        ("evidence/_fleet/0000000001.json", Path.unlink),
        ("evidence/_fleet/0000000001.json", lambda path: say(path, text="another")),
        ("evidence/_manifests/0000000003.json", lambda path: say(path, date="2026-12-01")),
        ("evidence/_manifests/0000000003.json", sign),
        ("evidence/_manifests/0000000003.json", Path.unlink),
        ("snapshots/daily/2026-11-24.json", append),
        ("snapshots/daily/2026-11-24.json", Path.unlink),
    ],
)
def test_a_tampered_pack_has_one_and_it_is_named(
    name: str, tamper: Callable[[Path], None], mended: bool, pack: Path
) -> None:
    tamper(pack / name)
    if mended:
        sums(pack)

    assert name in Reader(pack, key_name()).faults()


@pytest.mark.parametrize(
    "name",
    [
        "REPORT.html", "keys/x.pem", f"policies/{'a' * 64}.yaml", "exemptions/x.yaml",
        "snapshots/daily/2026-11-30.json", f"{PAY.path}/0000000001.json",
    ],
)  # fmt: skip
def test_a_file_that_no_pack_has_is_found(name: str, pack: Path) -> None:
    (pack / name).parent.mkdir(parents=True, exist_ok=True)
    (pack / name).write_bytes(b"x")
    sums(pack)

    assert Reader(pack, key_name()).faults() == [name]


def test_neither_a_link_nor_a_pipe_is_a_file(pack: Path) -> None:
    (pack / "notes").symlink_to(pack / "VERIFY.md")
    os.mkfifo(pack / "pipe")

    assert sorted(Reader(pack, key_name()).faults()) == ["notes", "pipe"]


@pytest.mark.parametrize(
    ("pattern", "change"), [("keys/*.pem", append), ("keys/*.jwk.json", twice), ("policies/*", append)]
)
def test_a_copy_that_is_changed_or_gone_is_found(pattern: str, change: Callable[[Path], None], pack: Path) -> None:
    (path,) = pack.glob(pattern)
    for done in (change, Path.unlink):
        done(path)
        sums(pack)
        assert Reader(pack, key_name()).faults() == [path.relative_to(pack).as_posix()]


def test_a_key_is_the_same_however_its_file_is_spaced(pack: Path) -> None:
    (path,) = pack.glob("keys/*.jwk.json")
    path.write_text(json.dumps(said(path.read_bytes()), indent=2))
    sums(pack)

    assert Reader(pack, key_name()).faults() == []


@pytest.mark.parametrize("name", sorted(PROSE - {"index.json"}))
def test_prose_may_be_another_versions_and_is_not_missing(name: str, pack: Path) -> None:
    append(pack / name)
    sums(pack)
    assert Reader(pack, key_name()).faults() == []

    (pack / name).unlink()
    sums(pack)
    assert Reader(pack, key_name()).faults() == [name]


def test_the_commands_on_the_page_do_what_it_says(pack: Path) -> None:
    """Those that the machine of a developer has; `jq` is stood in for by Python."""
    commands = PAGE.partition("With common tools")[2].partition("\n## ")[0]
    manifest = said((pack / "evidence/_manifests/0000000001.json").read_bytes())
    signature = manifest.pop("signature")
    (pack / "signed").write_bytes(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode())
    (pack / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))

    (dgst,) = re.findall(r"(?m)^ +(openssl .*)$", commands)
    shown = subprocess.run(["bash", "-c", dgst], cwd=pack, check=True, capture_output=True, text=True)
    assert shown.stdout == "Verified OK\n"
