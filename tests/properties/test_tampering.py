"""Whoever tampers with an exported pack is caught, and what he touched is named, however much of it he mends.

What nothing outside the pack vouches for (the records behind the last manifest, the last manifest itself) a forger who
makes all lists anew may take away: that much no chain can prove, and docs/evidence.md says so.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.archive import Directory
from shared.domain.codec import canonical
from shared.domain.pack import SUMS, sum_line
from shared.domain.records import MANIFESTS, Head
from shared.domain.verification import Fault, place_of, record_name
from shared.folder import opened
from shared.packing import Wanted, write_pack
from shared.verifying import Asked, Verification
from tests.builders import NOW
from tests.properties.strategies import cases
from tests.stored import MEDIA, PAY, key_name, said, signed, signing_key, stored


class Forger(StrEnum):
    """How much of the pack is mended after something in it was changed."""

    CARELESS = "changes and nothing else"
    SUMS = "makes SHA256SUMS anew"
    LISTS = "makes SHA256SUMS and the heads in index.json anew"


GIVEN = (frozenset({key_name("new")}), frozenset({key_name(), key_name("new")}))
"""Thumbprints that somebody holds: of the key of today, or of the one before it, too."""


@pytest.fixture(scope="module")
def whole() -> Iterator[Path]:
    """A sound pack; before its last manifest was signed, the key was changed."""
    archive = stored()
    last = record_name(MANIFESTS, 3)
    archive.put(MANIFESTS, 3, signed(said(archive.files[last]), signing_key("new")))
    with TemporaryDirectory() as folder:
        write_pack(archive, Path(folder, "pack"), Wanted(heads=archive.heads), archive.at)
        yield Path(folder, "pack")


@contextmanager
def copy(whole: Path) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(shutil.copytree(whole, Path(folder, "pack")))


def faults(pack: Path, given: frozenset[str] = GIVEN[0]) -> list[Fault]:
    with opened(pack) as found:
        asked = Asked(NOW, trusted=given)
        if found.pack:
            index = found.pack
            asked = Asked(index.at, index.scope, None, index.heads, asked.trusted, index.scope)
        return [*found.faults, *Verification(found.archive, asked, found.sums).faults()]


def mend(pack: Path, forger: Forger) -> None:
    """Make the pack's lists anew, as far as this forger does."""
    archive = Directory(pack)
    if forger is Forger.LISTS:
        index = json.loads((pack / "index.json").read_bytes())
        heads = {}
        for name in archive.names("evidence/"):
            if place := place_of(name):
                heads[place[0]] = {"seq": place[1], "hash": hashlib.sha256(archive.data(name)).hexdigest()}
        (pack / "index.json").write_text(json.dumps(index | {"heads": heads}))
    if forger is not Forger.CARELESS:
        names = [name for name in archive.names() if name != SUMS]
        sums = "".join(sum_line(name, hashlib.sha256(archive.data(name)).hexdigest()) for name in names)
        (pack / SUMS).write_text(sums)


PROSE = {"index.json", "index.html"}
"""What nothing vouches for but who sent the pack."""
OWN = {"VERIFY.md", "certificates.json", "evidence.schema.json", "records.md"}
"""The product's own files: of other versions they are others, which is a note and no fault."""


def targets(pack: Path, forger: Forger) -> list[str]:
    """What there is to be tampered with: prose can be changed by who makes the sums anew, evidence and copies never."""
    names = list(Directory(pack).names())
    if forger is not Forger.CARELESS:
        names = [name for name in names if name not in {SUMS, *PROSE, *OWN}]
    if forger is Forger.LISTS:
        # Behind the last manifest: nothing but the lists knows of it.
        names.remove(record_name(PAY.path, 10))
    return names


def removable(pack: Path, forger: Forger) -> list[str]:
    """What is missed when it is gone: of the last manifest only the lists know."""
    known = targets(pack, forger)
    if forger is not Forger.CARELESS:
        # Packs that were made before it have no records.md.
        known += sorted(OWN - {"records.md"})
    return [name for name in known if forger is not Forger.LISTS or name != record_name(MANIFESTS, 3)]


def chained(pack: Path, forger: Forger) -> list[str]:
    return [name for name in targets(pack, forger) if name.startswith("evidence/")]


Draw = Callable[[st.SearchStrategy[int]], int]
Tamper = Callable[[Path, Forger, Draw], set[str]]
"""Changes a pack; returns the names that it has touched."""


def pick(names: list[str], draw: Draw) -> str:
    return names[draw(st.integers(0, len(names) - 1))]


def change_a_byte(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    name = pick(targets(pack, forger), draw)
    data = bytearray((pack / name).read_bytes())
    data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    (pack / name).write_bytes(data)
    return {name}


def cut_short(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    name = pick(targets(pack, forger), draw)
    data = (pack / name).read_bytes()
    (pack / name).write_bytes(data[: draw(st.integers(0, len(data) - 1))])
    return {name}


def remove(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    name = pick(removable(pack, forger), draw)
    (pack / name).unlink()
    return {name}


def swap(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    first = pick(targets(pack, forger), draw)
    second = pick([one for one in targets(pack, forger) if one != first], draw)
    kept = (pack / first).read_bytes()
    (pack / first).write_bytes((pack / second).read_bytes())
    (pack / second).write_bytes(kept)
    return {first, second}


def rename(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    name = pick(removable(pack, forger), draw)
    (pack / name).rename(pack / f"{name}.old")
    return {name, f"{name}.old"}


def add(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    """Lay a file beside the others that looks as if it belonged there."""
    added = (
        "REPORT.html", "evidence/notes.txt", "keys/another.pem", f"policies/{'a' * 64}.yaml", "exemptions/x.yaml",
        "snapshots/daily/2026-11-30.json", f"{PAY.path}/0000000001.json",
    )  # fmt: skip
    name = pick(list(added), draw)
    (pack / name).parent.mkdir(parents=True, exist_ok=True)
    (pack / name).write_bytes((pack / pick(targets(pack, forger), draw)).read_bytes())
    return {name}


def duplicate(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    """Put another record's bytes behind the end of a chain."""
    name = pick(chained(pack, forger), draw)
    place = place_of(name)
    assert place
    other = record_name(place[0], place[1] + 20)
    (pack / other).write_bytes((pack / name).read_bytes())
    return {other, record_name(place[0], last(pack, place[0]) + 1)}


def last(pack: Path, path: str) -> int:
    return max(
        place[1] for name in Directory(pack).names(f"evidence/{path}/") if (place := place_of(name)) and place[1] < 20
    )


def insert(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    """Slip a record in, and renumber and link all that follow, so that the chain holds together."""
    place = place_of(pick(chained(pack, forger), draw))
    assert place
    path, seq = place
    end = last(pack, path)
    follow = [said((pack / record_name(path, number)).read_bytes()) for number in range(seq, end + 1)]
    return link(pack, path, seq, [follow[0] | {"id": "slipped in"}, *follow])


def hash_anew(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    """Change a record, and link all that follow."""
    place = place_of(pick(chained(pack, forger), draw))
    assert place
    path, seq = place
    end = last(pack, path)
    follow = [said((pack / record_name(path, number)).read_bytes()) for number in range(seq, end + 1)]
    return link(pack, path, seq, [follow[0] | {"pool": "another"}, *follow[1:]])


def link(pack: Path, path: str, seq: int, payloads: list[dict[str, object]]) -> set[str]:
    before = str(payloads[0]["previous"])
    touched = set()
    for number, payload in enumerate(payloads, seq):
        name = record_name(path, number)
        payload |= {"seq": number, "previous": before}
        data = canonical(signed(payload, signing_key("a forger's")) if path == MANIFESTS else payload)
        (pack / name).write_bytes(data)
        before = hashlib.sha256(data).hexdigest()
        touched.add(name)
    return touched


def change_the_time(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    """Give a record a time that can't be, or can't be yet, and link all that follow."""
    place = place_of(pick(chained(pack, forger), draw))
    assert place
    path, seq = place
    at = (
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
        "2026-11-23T09:30:04", "2026-W48-6T00:00:00Z", "24:00", "",
    )[draw(st.integers(0, 7))]  # fmt: skip
    follow = [said((pack / record_name(path, number)).read_bytes()) for number in range(seq, last(pack, path) + 1)]
    return link(pack, path, seq, [follow[0] | {"at": at}, *follow[1:]])


def swap_chains(pack: Path, _forger: Forger, _draw: Draw) -> set[str]:
    first, second = pack / "evidence" / PAY.path, pack / "evidence" / MEDIA.path
    between = pack / "between"
    first.rename(between)
    second.rename(first)
    between.rename(second)
    return {record_name(PAY.path, 1), record_name(MEDIA.path, 1)}


def narrow(pack: Path, forger: Forger, draw: Draw) -> set[str]:
    """Say in the index that less is meant than there is, or that it begins later, and change a record."""
    scope = {"cluster": ("", PAY.path, MEDIA.path, "x/y/z")[draw(st.integers(0, 3))], "after": draw(st.integers(-1, 5))}
    index = json.loads((pack / "index.json").read_bytes())
    (pack / "index.json").write_text(json.dumps(index | {"scope": scope}))
    return {"index.json", *chained(pack, forger)} | hash_anew(pack, forger, draw)


TAMPERING: tuple[Tamper, ...] = (
    change_a_byte, cut_short, remove, swap, rename, add, duplicate, insert, hash_anew, change_the_time, swap_chains,
    narrow,
)  # fmt: skip


def test_the_pack_is_sound_before_anybody_touches_it(whole: Path) -> None:
    assert [faults(whole, given) for given in GIVEN] == [[], []]


@pytest.mark.parametrize("forger", Forger)
@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda one: one.__name__)
@given(data=st.data())
@settings(
    max_examples=cases(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_whoever_tampers_with_a_pack_is_caught(
    whole: Path, tamper: Tamper, forger: Forger, data: st.DataObject
) -> None:
    with copy(whole) as pack:
        touched = tamper(pack, forger, data.draw)
        mend(pack, forger)
        named = {fault.name for fault in faults(pack, data.draw(st.sampled_from(GIVEN)))}

    # A list that says something else than the files do names the files.
    assert named & touched or (SUMS in touched and named)


def test_what_nothing_vouches_for_yet_can_be_taken_away_by_who_makes_all_lists_anew(whole: Path) -> None:
    """The limit, so that nobody thinks otherwise: the record behind the last manifest."""
    with copy(whole) as pack:
        (pack / record_name(PAY.path, 10)).unlink()
        mend(pack, Forger.LISTS)
        assert faults(pack) == []
        mend_heads = json.loads((pack / "index.json").read_bytes())["heads"]
    assert mend_heads[PAY.path]["seq"] == Head(9).seq
