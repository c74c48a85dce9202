"""What `make bench` measures is sound evidence: a verification of it, or a report on it, finds no fault."""

from pathlib import Path

from bench import report
from bench.verify import fill, verify
from shared.reports.formats import FORMATS


def test_what_the_bench_verifies_has_no_fault(tmp_path: Path) -> None:
    fill(tmp_path, 1000)

    assert verify(tmp_path) == 1001


def test_what_the_bench_reports_on_has_no_fault_and_every_format_is_written() -> None:
    found = report.assessed(report.fill(2))

    assert len(tuple(found.pools())) == 2 * report.POOLS
    assert all(report.written(found, name) for name in FORMATS)
