"""What two policies say otherwise of the fleet as a whole, in words: budget, rings, exemptions, approval."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from shared.domain.policy import Policy
from shared.domain.scalars import duration_text


def changed_limits(old: Policy, new: Policy) -> tuple[str, ...]:
    """Return what is different, as `disruption.concurrent.count: 1, then 5`; empty if nothing is."""
    before, after = dict(_limits(old)), dict(_limits(new))
    names = [*before, *(name for name in after if name not in before)]
    told = [(name, before.get(name, "none"), after.get(name, "none")) for name in names]
    return tuple(f"{name}: {one}, then {other}" for name, one, other in told if one != other) + _rings(old, new)


def _limits(policy: Policy) -> Iterator[tuple[str, str]]:
    yield from _leaves("disruption", policy.disruption)
    yield from _leaves("exemptions", policy.exemptions)
    yield from _leaves("require_approved_policy", policy.require_approved_policy)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the values in a record with their keys; a value that is left out has none."""
    match value:
        case None:
            return
        case bool():
            yield name, str(value).lower()
        case timedelta():
            yield name, duration_text(value)
        case _ if is_dataclass(value):
            for each in fields(value):
                yield from _leaves(f"{name}.{each.name}", getattr(value, each.name))
        case _:
            yield name, str(value)


def _rings(old: Policy, new: Policy) -> tuple[str, ...]:
    before, after = ({ring.name: ring for ring in policy.rings} for policy in (old, new))
    gone = [f"ring `{name}` is gone" for name in before if name not in after]
    added = [f"ring `{name}` is new" for name in after if name not in before]
    changed = [f"ring `{name}` is another" for name in after if name in before and before[name] != after[name]]
    moved = list(before) != list(after) and not gone and not added
    return (*gone, *added, *changed, *(["the rings come in another order"] if moved else []))
