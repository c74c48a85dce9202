"""Reports on fleets of 1,000 and of 4,000 clusters with five pools each: time for each pool may not grow.

    .venv/bin/python -m bench.report

The baseline reads, hashes and parses the same records; everything is measured in turns in one process, the best of some
rounds counts. What grows with the square of the fleet would take four times as long for each pool.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from shared.domain.assessment import Assessment
from shared.domain.fleet_assessment import Asked
from shared.domain.ids import ClusterId
from shared.domain.model import Mode
from shared.domain.operation import OutcomeState
from shared.reporting import assess
from shared.reports.formats import FORMATS
from tests.builders import NOW, SUBSCRIPTION
from tests.recorded import DAY, OFF, ON, PROVEN, Recorded, observation, read_of, verdict

SMALL, LARGE = 1_000, 4_000
POOLS = 5
_MOST_GROWTH = 2.0
"""How much longer a pool may take in the larger fleet: larger memory is slower, and others use the machine."""


def fill(clusters: int) -> Recorded:
    """Make a fleet: every cluster was seen with FIPS off, remediated, proven and seen again."""
    made = Recorded()
    made.at = NOW - DAY
    made.texts()
    names = [f"pool{number}" for number in range(POOLS)]
    for number in range(clusters):
        whose = ClusterId(SUBSCRIPTION, f"rg-{number:04}", f"aks-{number:04}")
        made.at = NOW - DAY
        read = read_of(whose, *names)
        made.see(whose, observation(read, [verdict(name, OFF) for name in names]))
        for name in names:
            made.attempt(whose, name, OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED)
            made.prove(whose, name, made.at)
        # A fifth of the pools stays as it was.
        made.see(whose, observation(read, [verdict(names[0], OFF), *(verdict(one, ON, PROVEN) for one in names[1:])]))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    return made


def baseline(made: Recorded) -> None:
    """Read, hash and parse the same records."""
    for name in made.names("evidence/"):
        data = made.data(name)
        hashlib.sha256(data).hexdigest()
        json.loads(data)


def assessed(made: Recorded) -> Assessment:
    """Assess the fleet; raises RuntimeError for one that is not what it was made to be."""
    found = assess(made, Asked(NOW, heads=made.heads))
    faults = [*found.faults, *(fault for one in found.clusters for fault in one.faults)]
    if faults or Mode.ENFORCE not in {pool.verdict.mode for _, pool in found.pools()}:
        raise RuntimeError(str(faults[:1]))
    return found


def written(found: Assessment, name: str) -> int:
    """Write a report; returns its size in characters."""
    return sum(map(len, FORMATS[name](found)))


def best(rounds: int, work: Callable[[], object]) -> float:
    """Return the seconds that some work takes, at best."""

    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return min(once() for _ in range(rounds))


def measured(clusters: int, rounds: int) -> Iterator[tuple[str, float]]:
    """Yield what was measured, with microseconds for each pool."""
    made = fill(clusters)
    found = assessed(made)
    each = 1e6 / (clusters * POOLS)
    yield "read, sha256, json.loads (baseline)", best(rounds, lambda: baseline(made)) * each
    yield "assess", best(rounds, lambda: assessed(made)) * each
    for name in FORMATS:
        yield name, best(rounds, partial(written, found, name)) * each


def main() -> int:
    """Measure and print; returns 1 if something takes longer for each pool of the larger fleet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    small, large = dict(measured(SMALL, rounds)), dict(measured(LARGE, rounds))
    base = next(iter(large.values()))
    print(f"reports on {LARGE} clusters with {LARGE * POOLS} pools, best of {rounds}")
    print(f"growth: the time for a pool, as a multiple of that in a fleet of {SMALL} clusters")
    linear = True
    for name, took in large.items():
        growth = took / small[name]
        linear = linear and growth < _MOST_GROWTH
        print(f"{name:36} {took / base:5.1f}   {took * LARGE * POOLS / 1e6:6.2f} s here, growth {growth:.2f}")
    print("linear" if linear else "NOT linear")
    return 0 if linear else 1


if __name__ == "__main__":
    sys.exit(main())
