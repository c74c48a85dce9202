"""What two policies say otherwise of the fleet as a whole, in words: budget, rings, exemptions, approval."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from shared.domain.matching import VersionRange
from shared.domain.policy import Policy, Ring
from shared.domain.scalars import duration_text


def changed_limits(old: Policy, new: Policy) -> tuple[str, ...]:
    """Return what is different, as `disruption.concurrent.count: 1, then 5`; empty if nothing is."""
    return (*_different(dict(_limits(old)), dict(_limits(new))), *_rings(old, new))


def paced_otherwise(old: Policy, new: Policy) -> bool:
    """Say whether by the new policy what it does may begin sooner, or more of it at once, for all that these say."""
    acts = any(each.mode.acts for each in (new.defaults, *(rule.settings for rule in new.rules)))
    asked_no_more = old.require_approved_policy and not new.require_approved_policy
    return acts and ((old.disruption, old.rings) != (new.disruption, new.rings) or asked_no_more)


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in (*before, *(name for name in after if name not in before)):
        one, other = before.get(name, "none"), after.get(name, "none")
        if one != other:
            yield f"{name}: {one}, then {other}"


def _limits(policy: Policy) -> Iterator[tuple[str, str]]:
    yield from _leaves("disruption", policy.disruption)
    yield from _leaves("exemptions", policy.exemptions)
    yield from _leaves("require_approved_policy", policy.require_approved_policy)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the values in a record with their keys; a value that is left out has none."""
    match value:
        case None | () | "":
            return
        case VersionRange():
            yield name, value.text
        case tuple():
            yield name, ", ".join(map(str, value))
        case Mapping():
            for key, each in value.items():
                yield from _leaves(f"{name}.{key}", each)
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
    changed = [line for name in after if name in before for line in _ring(before[name], after[name])]
    moved = list(before) != list(after) and not gone and not added
    return (*gone, *added, *changed, *(["the rings come in another order"] if moved else []))


def _ring(old: Ring, new: Ring) -> Iterator[str]:
    """Yield what is different in a ring, key by key."""
    keys = ("match", "after", "soak", "canary", "concurrent")
    before, after = (
        {name: text for key in keys for name, text in _leaves(f"rings.{ring.name}.{key}", getattr(ring, key))}
        for ring in (old, new)
    )
    yield from _different(before, after)
