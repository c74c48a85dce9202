"""What `make bench` measures is sound evidence: a verification of it finds records and no fault."""

from pathlib import Path

from bench.verify import fill, verify


def test_what_the_bench_verifies_has_no_fault(tmp_path: Path) -> None:
    fill(tmp_path, 1000)

    assert verify(tmp_path) == 1001
