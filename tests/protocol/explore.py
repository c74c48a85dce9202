"""Breadth-first search through every state of a small model: finds the shortest way to a state that must not be."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

S = TypeVar("S", bound=Hashable)

DRAINS = "drains"
"""Name of the property that a quiet state can be reached from every state."""


@dataclass(frozen=True, slots=True)
class Holds:
    """Every property holds in every reachable state."""

    states: int
    quiet: int


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A property that does not hold, and a shortest run that shows it."""

    broken: str
    trace: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join((self.broken, *self.trace))


def explore(
    initial: S,
    steps: Callable[[S], Iterable[tuple[str, S]]],
    broken: Callable[[S, S], str],
    quiet: Callable[[S], bool],
    limit: int = 3_000_000,
) -> Holds | Counterexample:
    """Visit every state that can be reached.

    `broken(before, after)` names a property that a step breaks, or is empty. Raises RuntimeError when there are
    more than `limit` states: the model is then not small.
    """
    number = {initial: 0}
    states, parents, labels = [initial], [0], ["initially"]
    sources: list[list[int]] = [[]]
    at = 0
    while at < len(states):
        state = states[at]
        for label, after in steps(state):
            known = number.get(after)
            if known is None:
                known = number[after] = len(states)
                states.append(after)
                parents.append(at)
                labels.append(label)
                sources.append([])
                if name := broken(state, after):
                    return Counterexample(name, _trace(known, parents, labels))
            elif name := broken(state, after):
                return Counterexample(name, (*_trace(at, parents, labels), label))
            sources[known].append(at)
        at += 1
        if len(states) > limit:
            raise RuntimeError(f"more than {limit} states")
    calm = [index for index, state in enumerate(states) if quiet(state)]
    stuck = _not_leading_to(calm, sources)
    if stuck is not None:
        return Counterexample(DRAINS, _trace(stuck, parents, labels))
    return Holds(len(states), len(calm))


def _not_leading_to(goals: list[int], sources: list[list[int]]) -> int | None:
    """Return the first state from which no goal can be reached."""
    leads = bytearray(len(sources))
    todo = list(goals)
    for index in goals:
        leads[index] = 1
    while todo:
        for source in sources[todo.pop()]:
            if not leads[source]:
                leads[source] = 1
                todo.append(source)
    found = leads.find(0)
    return None if found < 0 else found


def _trace(index: int, parents: list[int], labels: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    while index:
        found.append(labels[index])
        index = parents[index]
    return tuple(reversed(found))
