"""How long it takes to judge and plan 100,000 node pools, as a multiple of `json.loads` of the same data.

The baseline is what no program can do without; both are measured in turns in one process, the best of some rounds
counts, since other work on the machine only ever adds.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.fleet import text
from shared.domain.budget import Budget, Counts, RingCount
from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory
from shared.domain.observe import read_cluster
from shared.domain.plan import plan
from shared.domain.policy_reader import read_policy
from shared.domain.rulebook import Rulebook
from shared.domain.situation import Situation

_NOW = datetime(2026, 11, 21, 22, tzinfo=UTC)
"""A Saturday night: the windows of the policy below are open."""
_POLICY = """
version: 1
mode: alert
rules:
  - { name: sandbox, match: { resource_groups: ["rg-1*"] }, mode: audit }
  - { name: old, match: { kubernetes: "<1.30" }, mode: alert }
  - { name: production, match: { tags: { env: prod } }, mode: enforce }
rings:
  - { name: test, match: { tags: { env: test } }, soak: 3d }
  - { name: production, match: { tags: { env: prod } } }
windows: [{ days: [Saturday, Sunday], start: "22:00", length: 6h, zone: Europe/Berlin }]
"""


def judged(bodies: list[dict[str, Any]], rules: Rulebook) -> tuple[int, int]:
    """Read, judge and plan every cluster; returns how many actions and deferrals that gave."""
    soaked = RingCount(9, 0, _NOW - timedelta(days=30))
    rings, hashes = {"test": soaked, "production": soaked}, (rules.policy.hash, rules.exemptions.hash)
    budget = Budget(counts=Counts(_NOW, 9, rings=rings, policy=hashes[0], exemptions=hashes[1]))
    actions = deferrals = 0
    for body in bodies:
        cluster = read_cluster(body)
        posture = evaluate(cluster, Memory(), rules, None, _NOW)
        found = plan(
            Situation(cluster, posture, Memory(), rules, budget, (), _NOW, timedelta(seconds=30), assuming=True)
        )
        actions += found.action is not None
        deferrals += len(found.deferrals)
    return actions, deferrals


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    fleet = text(chosen.pools // 5, 5)
    rules = Rulebook(read_policy(_POLICY))
    base, ours, found = float("inf"), float("inf"), (0, 0)
    for _ in range(chosen.rounds):
        took, bodies = _timed(lambda: json.loads(fleet))
        base = min(base, took)
        took, found = _timed(lambda bodies=bodies: judged(bodies, rules))  # type: ignore[misc] # mypy can't infer a lambda's default
        ours = min(ours, took)
    print(f"{chosen.pools} node pools, {len(fleet) / 1e6:.0f} MB of JSON, best of {chosen.rounds}")
    print(f"json.loads (baseline)   1.0   {base:.2f} s here")
    print(f"read, judge, plan     {ours / base:5.1f}   {ours:.2f} s here: {found[0]} actions, {found[1]} deferrals")


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


if __name__ == "__main__":
    main()
