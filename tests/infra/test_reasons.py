"""Every reason for which something is not done stands in docs/operations.md, with what lifts it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SOURCES = (
    *("shared/domain/waits.py", "shared/domain/refusals.py", "shared/domain/throttle.py", "shared/domain/plan.py"),
    *("shared/domain/handover.py", "shared/domain/twins.py", "shared/domain/timing.py", "shared/reconciler.py"),
    *("shared/domain/barriers.py", "shared/domain/consent.py"),
)
_REASON = re.compile(r"(?:Wait|Refusal|NoTwin|Deferral\(\"\",|Closed\(None,|_Wait)\(?\s*\"([A-Z][A-Za-z]+)\"")
_ELSEWHERE = {"NoSuchCluster"}
"""Said of a cluster that nobody has ever seen: only the log has it."""


def test_every_reason_to_wait_is_explained() -> None:
    found = {reason for source in _SOURCES for reason in _REASON.findall((ROOT / source).read_text())}
    table = (ROOT / "docs/operations.md").read_text()

    assert len(found) > 25
    assert sorted(reason for reason in found - _ELSEWHERE if f"`{reason}`" not in table) == []
