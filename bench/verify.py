"""Verifies packs of 10,000 and of 100,000 records: memory, and time as a multiple of what no program can do without.

    .venv/bin/python -m bench.verify

The baseline reads, hashes and parses the same bytes; both are measured in turns in one process, the best of some rounds
counts. Memory is the growth of the process itself (its high-water mark, from /proc), each size in a process of its own.
"""

import argparse
import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.archive import Directory
from shared.domain.bodies import Origin
from shared.domain.codec import canonical, plain
from shared.domain.ids import ClusterId
from shared.domain.judged import observation
from shared.domain.memory import Memory
from shared.domain.pack import INDEX, PAGE, SCHEMA, SUMS, Pack, Scope, sum_line
from shared.domain.planned import Plan
from shared.domain.records import MANIFESTS, Head, RecordKind, make_record
from shared.domain.verification import record_name
from shared.folder import opened
from shared.pack_files import documents, key_copies
from shared.verifying import Asked, Verification
from tests.builders import NOW, SUBSCRIPTION, cluster, judged
from tests.stored import public, signed, signing_key

SMALL, LARGE = 10_000, 100_000
CLUSTERS = 100
_DAY = 10
"""Records of a cluster between two manifests."""
_MOST_GROWTH = 1.5
"""How much more memory ten times the records may need; the names of one chain are sorted in memory."""


def fill(folder: Path, records: int) -> None:
    """Write a pack as `evidence export` does: real observations, and a manifest a day."""
    ids = [ClusterId(SUBSCRIPTION, f"rg-{number:03}", f"aks-{number:03}") for number in range(CLUSTERS)]
    heads = {each.path: Head() for each in ids}
    seen = observation(cluster(), judged(cluster()), Plan(None, (), None), Memory())
    body = {**plain(Origin(cause="resync")), **plain(seen)}
    manifests, sums = Head(), list[tuple[str, str]]()

    def put(name: str, data: bytes) -> str:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        sums.append((name, digest))
        return digest

    for day in range(records // CLUSTERS // _DAY):
        at = NOW + timedelta(days=day)
        for each in ids:
            for _ in range(_DAY):
                record = make_record(each, heads[each.path], "r", RecordKind.OBSERVATION, at, body)
                put(record_name(each.path, record.seq), record.bytes)
                heads[each.path] = record.head
        name = f"fleet/{at:%Y/%m/%d}/000000Z.jsonl.gz"
        snapshot = {"name": name, "sha256": put(f"snapshots/{name}", gzip.compress(b"{}\n"))}
        said = {"date": at.date(), "chains": heads, "snapshot": snapshot}
        made = make_record(MANIFESTS, manifests, f"m{day}", RecordKind.MANIFEST, at, said)
        data = canonical(signed(made.payload, signing_key()))
        manifests = Head(made.seq, put(record_name(MANIFESTS, made.seq), data))
    index = json.dumps(plain(Pack(SCHEMA, NOW + timedelta(days=LARGE), Scope()))).encode()
    for name, data in {**documents(), **key_copies(public(signing_key())), INDEX: index, PAGE: b""}.items():
        put(name, data)
    (folder / SUMS).write_text("".join(sum_line(*line) for line in sorted(sums)))


def verify(folder: Path) -> int:
    """Verify it; returns the number of records."""
    with opened(folder) as found:
        verification = Verification(found.archive, Asked(NOW + timedelta(days=LARGE)), found.sums)
        faults = [*found.faults, *verification.faults()]
    if faults:
        raise RuntimeError(str(faults[0]))
    return verification.seen.records


def baseline(folder: Path) -> int:
    """Read, hash and parse the same files."""
    archive, count = Directory(folder), 0
    for name in archive.names("evidence/"):
        data = archive.data(name)
        hashlib.sha256(data).hexdigest()
        json.loads(data)
        count += 1
    return count


def high_water() -> int:
    """Return the largest resident size of this process so far, in KiB (proc_pid_status(5))."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


def measure(folder: Path, work: Callable[[Path], int]) -> None:
    """Print by how many KiB the process grew; for a process of its own."""
    # What is imported at first use is no part of it.
    public(signing_key())
    before = high_water()
    work(folder)
    print(high_water() - before)


def grown(folder: Path) -> float:
    """Return by how many MiB a process grows that verifies a folder."""
    run = [sys.executable, "-m", "bench.verify", "--measure", str(folder)]
    return int(subprocess.run(run, check=True, capture_output=True, text=True).stdout) / 1024


def timed(work: Callable[[Path], int], folder: Path) -> float:
    """Return how many seconds some work takes."""
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


def main() -> int:
    """Measure and print; returns 1 if memory grows with the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.measure:
        measure(chosen.measure, verify)
        return 0
    with TemporaryDirectory() as root:
        small, large = Path(root, "small"), Path(root, "large")
        for folder, records in ((small, SMALL), (large, LARGE)):
            fill(folder, records)
        size = sum(path.stat().st_size for path in large.rglob("*.json")) / 1e6
        base, ours = float("inf"), float("inf")
        for _ in range(chosen.rounds):
            base, ours = min(base, timed(baseline, large)), min(ours, timed(verify, large))
        memory = grown(small), grown(large)
    print(f"{LARGE} records of {CLUSTERS} clusters, {size:.0f} MB of JSON, best of {chosen.rounds}")
    print(f"read, sha256, json.loads (baseline)   1.0   {base:.2f} s here")
    print(f"verify                              {ours / base:5.1f}   {ours:.2f} s here")
    print(f"memory: {memory[0]:.1f} MiB for {SMALL} records, {memory[1]:.1f} MiB for {LARGE}")
    flat = memory[1] < max(memory[0], 4.0) * _MOST_GROWTH
    print("flat" if flat else "NOT flat")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
