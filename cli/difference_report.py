"""What `policy diff` prints: what would be reimaged first, a count for everything else; JSON for programs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cli.show import plain_text, print_aligned
from shared.domain.codec import plain
from shared.domain.difference import Change, Difference, DueStep, PoolDifference, Side
from shared.domain.pages import Gap
from shared.domain.rulebook import Rulebook
from shared.domain.wording import count

_TITLES = {
    Change.REIMAGED: "would now be reimaged",
    Change.SPARED: "would no longer be reimaged",
    Change.ENTERED: "would come into scope",
    Change.LEFT: "would go out of scope",
    Change.EXEMPTED: "would be exempt",
    Change.UNEXEMPTED: "would be exempt no longer",
    Change.ASKED_OTHERWISE: "would be under another rule, ring or settings",
}
_HEADER = ("  cluster", "node pool", "nodes", "state", "mode", "rule", "step")


@dataclass(frozen=True, slots=True)
class Report:
    """A difference with what people should know of it."""

    found: Difference
    rules: tuple[Rulebook, Rulebook]
    """The old and the new one."""
    names: tuple[str, str]
    """What people call them."""
    gaps: tuple[Gap, ...]
    """Parts of the fleet that nobody has seen: the difference says nothing of them."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    """What is probably not meant in the new policy or its exemptions."""


def print_difference(report: Report, output: str) -> None:
    """Print it as `table` or `json`."""
    if output == "json":
        print(json.dumps(_plain(report), indent=2))
        return
    for name, rules, what in zip(report.names, report.rules, ("old", "new"), strict=True):
        print(plain_text(f"{what}: {name}, sha256 {rules.policy.hash}"))
    for change in Change:
        if rows := report.found.of(change):
            _print_change(change, rows)
    for title, lines in (("for the whole fleet", report.found.limits), ("warnings", report.warnings)):
        if lines:
            print(f"\n{title}", *map(plain_text, lines), sep="\n  ")
    print(f"\n{_verdict(report.found)}")


def _print_change(change: Change, rows: Sequence[PoolDifference]) -> None:
    print(f"\n{_TITLES[change]}: {_size(rows)}")
    if change is Change.ASKED_OTHERWISE:
        for line, pools in Counter(_otherwise(row) for row in rows).most_common():
            print(plain_text(f"  {count(pools, 'node pool')}: {line}"))
    else:
        print_aligned(_HEADER, [_cells(row) for row in rows], loose="step")


def _size(rows: Sequence[PoolDifference]) -> str:
    nodes = count(sum(row.nodes or 0 for row in rows), "node")
    unknown = sum(row.nodes is None for row in rows)
    more = f", and {count(unknown, 'node pool')} of unknown size" if unknown else ""
    return f"{count(len(rows), 'node pool')}, {nodes}{more}"


def _otherwise(row: PoolDifference) -> str:
    assert row.before
    assert row.after
    rings = _both(row.before.ring or "none", row.after.ring or "none")
    parts = [f"rule {_both(row.before.rule, row.after.rule)}", f"mode {_modes(row)}", f"ring {rings}"]
    return "; ".join([*parts, f"other {', '.join(row.settings)}"] if row.settings else parts)


def _cells(row: PoolDifference) -> tuple[str, ...]:
    before, after = row.before, row.after
    states = _both(before.state.value if before else "none", after.state.value if after else "none")
    rules = _both(before.rule if before else "none", after.rule if after else "none")
    nodes = "?" if row.nodes is None else str(row.nodes)
    return (f"  {row.cluster}", row.pool, nodes, states, _modes(row), rules, _steps(before, after))


def _modes(row: PoolDifference) -> str:
    return _both(*(side.settings.mode.value if side else "none" for side in (row.before, row.after)))


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one} → {other}"


def _steps(before: Side | None, after: Side | None) -> str:
    was, would = (side.step if side else None for side in (before, after))
    freed = f", held until now by {was.barred}" if was and was.barred and not (would and would.barred) else ""
    return f"{_both(_step(was), _step(would)) if was else _step(would)}{_held(would)}{freed}"


def _held(step: DueStep | None) -> str:
    if step and step.barred:
        return f", held by {step.barred}"
    if step and step.delayed:
        return f", once it is {'started' if step.delayed == 'Stopped' else 'mended'} ({step.delayed})"
    return ""


def _step(step: DueStep | None) -> str:
    if step is None:
        return "none"
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in sorted(step.changes.items())) or step.kind.value


def _verdict(found: Difference) -> str:
    counts = [f"{len(rows)} {_TITLES[change]}" for change in Change if (rows := found.of(change))]
    told = "; ".join(counts) or "nothing would be different for any of them"
    if found.disrupts_more:
        more = "it disrupts more"
    elif found.perhaps_sooner:
        more = "it disrupts none that was not before, but perhaps sooner, or more at once: see above"
    else:
        more = "it disrupts no more than before"
    return f"{count(found.pools, 'node pool')} compared: {told}. By the pools, {more}."


def _plain(report: Report) -> dict[str, Any]:
    found = report.found
    return {
        "at": plain(found.at),
        "old": _rulebook(report.names[0], report.rules[0]),
        "new": _rulebook(report.names[1], report.rules[1]),
        "disruptsMore": found.disrupts_more,
        "perhapsSooner": found.perhaps_sooner,
        "compared": found.pools,
        "counts": {change.value: len(found.of(change)) for change in Change},
        "nodesReimaged": sum(row.nodes or 0 for row in found.of(Change.REIMAGED)),
        "pools": [dict(_row(row)) for row in found.rows],
        "limits": list(found.limits),
        "warnings": list(report.warnings),
        "coverage": plain(report.gaps),
        "notes": list(report.notes),
    }


def _rulebook(name: str, rules: Rulebook) -> dict[str, str]:
    return {"source": name, "hash": rules.policy.hash, "exemptions": rules.exemptions.hash}


def _row(row: PoolDifference) -> Iterator[tuple[str, Any]]:
    yield "id", f"{row.cluster.arm_id}/agentPools/{row.pool}"
    yield "cluster", row.cluster.arm_id
    yield "pool", row.pool
    yield "nodes", row.nodes
    yield "changes", [change.value for change in row.changes]
    yield "settings", list(row.settings)
    yield "before", _side(row.before) if row.before else None
    yield "after", _side(row.after) if row.after else None


def _side(side: Side) -> dict[str, Any]:
    found = {"rule": side.rule, "ring": side.ring, "mode": side.settings.mode.value, "fips": side.settings.fips.value}
    return {**found, "state": side.state.value, "exempt": side.exempt, "step": plain(side.step)}
