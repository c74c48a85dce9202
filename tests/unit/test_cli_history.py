"""`fipswarden history`: the fleet day by day, with what is not known shown as such."""

import json
from datetime import timedelta
from io import BytesIO

import pytest

from cli.main import main
from local.memory import MemorySnapshots
from shared import bootstrap
from shared.domain.series import Day, ProofAge, Remediated
from shared.series import keep_day
from tests.builders import NOW

TODAY = NOW.date()


def day(ago: int, **changes: object) -> Day:
    """A day of a small fleet."""
    at = NOW - timedelta(days=ago)
    made: dict[str, object] = {
        "date": at.date(),
        "at": at,
        "pools": {"compliant": 5, "unknown": 1},
        "clusters": {"compliant": 2, "unknown": 1},
        "unread_clusters": 1,
        "unread_subscriptions": 0,
        "unseen": 0,
        "coverage": 0.6667,
        "remediated": Remediated(at.date() - timedelta(days=1), 2, 5400.0),
        "proof_age": ProofAge(5, 3600.0, 36000.0),
    }
    return Day(**{**made, **changes})  # type: ignore[arg-type]  # a builder


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> MemorySnapshots:
    made = MemorySnapshots()
    monkeypatch.setattr(bootstrap, "snapshots", lambda: made)
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW)
    return made


def test_each_day_has_a_line(files: MemorySnapshots, capsys: pytest.CaptureFixture[str]) -> None:
    keep_day(files, day(1))
    unknown = {"unseen": None, "coverage": None, "unread_subscriptions": None}
    keep_day(files, day(0, **unknown, remediated=Remediated(TODAY, 0, None), proof_age=ProofAge(0, None, None)))

    assert main(["history"]) == 0

    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "day"
    assert first.split() == [
        "2026-11-22",
        "09:30",
        "0",
        "0",
        "1",
        "0",
        "5",
        "0",
        "1",
        "0",
        "66.6%",
        "2",
        "1.5h",
        "10.0h",
    ]
    assert second.split() == ["2026-11-23", "09:30", "0", "0", "1", "0", "5", "0", "1", "-", "-", "0", "-", "-"]


def test_json_is_what_is_stored(files: MemorySnapshots, capsys: pytest.CaptureFixture[str]) -> None:
    keep_day(files, day(0))

    assert main(["history", "--json"]) == 0

    (said,) = json.loads(capsys.readouterr().out)
    assert said == json.loads(files.files["daily/2026-11-23.json"])
    assert said["schema"] == "fipswarden.series/1"


@pytest.mark.usefixtures("files")
def test_without_any_day_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--since", "2026-11-01"]) == 2
    assert capsys.readouterr().out.startswith("there is no day from 2026-11-01 to 2026-11-23")


def test_only_the_days_asked_for_are_read(files: MemorySnapshots, capsys: pytest.CaptureFixture[str]) -> None:
    for ago in (0, 1, 2):
        keep_day(files, day(ago))

    assert main(["history", "--since", "2026-11-21", "--until", "2026-11-21"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["day", "2026-11-21"]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("since", ["2026-12-01", "1999-01-01"])
def test_a_time_that_is_none_is_refused(since: str) -> None:
    assert main(["history", "--since", since]) == 64


@pytest.mark.usefixtures("files")
def test_what_is_no_date_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["history", "--since", "yesterday"])
    assert ended.value.code == 64
    assert "is not a day such as 2026-11-23" in capsys.readouterr().err


@pytest.mark.parametrize("garbage", [b"", b"[]", b"\xff", b'{"schema":"fipswarden.series/2"}', b"[" * 100_000])
def test_a_day_that_can_not_be_read_is_named_and_hides_no_other(
    garbage: bytes, files: MemorySnapshots, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_day(files, day(0))
    files.create("daily/2026-11-22.json", BytesIO(garbage))

    assert main(["history"]) == 2

    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["day", "2026-11-23"]
    assert said.err.startswith("snapshots/daily/2026-11-22.json can't be read: ")

    assert main(["history", "--json"]) == 2
    unread, read = json.loads(capsys.readouterr().out)
    assert (unread["date"], read["date"]) == ("2026-11-22", "2026-11-23")
    assert list(unread) == ["date", "unreadable"]
    assert unread["unreadable"].startswith("snapshots/daily/2026-11-22.json can't be read: ")
