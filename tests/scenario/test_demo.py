"""`make demo` as it is run, in a process of its own: it ends well, and shows what it is there to show."""

import subprocess
import sys

from local.stack import ROOT

SHOWN = (
    "The fleet has been looked at.",
    "Node pool batch is proven.",
    "... until the next resync, which finds the pool in Resource Graph.",
    "Node pool encoder is proven.",
    "is caught, and everybody is told.",
    "Node pool win19 is replaced by win19f, proven.",
    "AKS has made win19f",
    "cordoned 2 nodes of win19",
    "evicted erp/billing-",
    "AKS has deleted win19",
    "Node pools, before and after",
    "gone: replaced by win19f",
    "Evidence of rg-payments/aks-payments-prod",
    "fipswarden] good: rg-payments/aks-payments-prod/batch: compliant",
    "The card that says it is done, as Teams shows it",
    "win19, which could not have FIPS, is gone. win19f has its settings and its pods: none was lost.",
    "What to try next:",
)
"""In this order."""


def test_the_demo_ends_well_and_shows_the_whole_job() -> None:
    command = [sys.executable, "-m", "local.demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rest = done.stdout
    for line in SHOWN:
        before, found, rest = rest.partition(line)
        assert found, f"{line!r} is missing, or too early, in {before}"
