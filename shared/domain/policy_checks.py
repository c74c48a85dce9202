"""What is wrong with a policy or its exemptions only when its parts are seen together: names, rings, overlaps."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.domain.exemptions import Exemption
from shared.domain.globs import meet
from shared.domain.matching import Match, VersionRange
from shared.domain.meeting import pairs_that_may_meet
from shared.domain.model import ProofLevel
from shared.domain.policy import ExemptionRules, Rule
from shared.domain.settings import Fips, Settings
from shared.domain.yaml_source import Faults, Located, mapping, quoted

Placed = tuple[Located, Exemption]
_GLOBS = ("subscriptions", "resource_groups", "clusters", "locations", "pools", "os_types", "os_skus", "pool_modes")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+")
_OVERLAPS = 100
"""So many overlaps are told: more of them would help nobody, and there can be millions."""


def names_differ(nodes: Sequence[Located], what: str, faults: Faults, taken: str = "") -> None:
    """Note every name that stands twice in a list, or that the product uses itself."""
    seen: dict[str, int] = {}
    for node in nodes:
        if (name := _text(node, "name")) is None:
            continue
        if name.value == taken:
            faults.add(name, f"the {what} name {quoted(taken)} is the product's own: choose another one")
        elif name.value in seen:
            first = seen[name.value]
            faults.add(name, f"the {what} name {quoted(name.value)} is taken (line {first}): names must be unique")
        seen.setdefault(name.value, name.line)


def rings_lead_on(nodes: Sequence[Located], faults: Faults) -> None:
    """Note rings that come after one that is not there, and rings that wait for each other in a circle."""
    # A name that is there twice is another fault; the others are told beside it.
    every = [(name.value, node) for node in nodes if (name := _text(node, "name"))]
    named = dict(reversed(every))
    before: dict[str, str] = {}
    above = ""
    for name, node in every:
        after = _text(node, "after")
        if after and after.value == name:
            faults.add(after, f"ring {quoted(name)} comes after itself: name another ring")
        elif after and after.value not in named:
            hint = faults.meant(after.value, (other for other in named if other != name)) or "give the name of a ring"
            faults.add(after, f"ring {quoted(name)} comes after {quoted(after.value)}, which is no ring: {hint}")
        else:
            before.setdefault(name, after.value if after else above)
        above = name
    for circle in _circles(before):
        node = named[circle[0]]
        way = " → ".join((*circle, circle[0]))
        hint = "give one of them another `after` (without it, a ring comes after the one above)"
        faults.add(_text(node, "after") or node, f"rings wait for each other in a circle, {way}: {hint}")


def _circles(before: Mapping[str, str]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in before:
        way: list[str] = []
        at = start
        while at in before and at not in done:
            done.add(at)
            way.append(at)
            at = before[at]
        if at in way:
            found.append(tuple(way[way.index(at) :]))
    return found


def pods_have_an_image(
    root: Located, defaults: Settings, placed: Sequence[tuple[Located, Rule]], faults: Faults
) -> None:
    """Note every level of proof that needs pods, where no image is named for them: there is none that all may pull."""
    at_the_top = _lacks_image(defaults)
    if at_the_top:
        _note_image(root, defaults, faults)
    for node, rule in placed:
        proof = mapping(node).get("proof")
        says_so = proof is not None and "level" in mapping(proof)
        if _lacks_image(rule.settings) and (says_so or not at_the_top):
            _note_image(node, rule.settings, faults)


def _lacks_image(settings: Settings) -> bool:
    asked = settings.fips is Fips.REQUIRED and settings.proof.level.reaches(ProofLevel.KERNEL)
    return asked and not settings.proof.image


def _note_image(node: Located, settings: Settings, faults: Faults) -> None:
    proof = mapping(node).get("proof", node)
    place = mapping(proof).get("level", proof)
    level = settings.proof.level
    faults.add(place, f"`level: {level}` needs `proof.image`: name an image that the nodes may pull")


def all_is_alone(nodes: Sequence[Located], faults: Faults) -> None:
    """Note a `*` that stands next to subscription ids: they would say nothing."""
    for node in nodes:
        if node.value == "*" and len(nodes) > 1:
            faults.add(node, "`*` already means all subscriptions: leave the others out, or leave out the `*`")


def exemption_ends_after_it_begins(
    node: Located, created: datetime | None, expires: datetime | None, faults: Faults
) -> None:
    """Note an exemption that was over before it was made; None: that time can't be read, which is told elsewhere."""
    if created and expires and expires <= created:
        name = _text(node, "name")
        what = f"exemption {quoted(name.value)}" if name else "an exemption"
        faults.add(mapping(node)["expires"], f"{what} ends before it begins: `expires` comes after `created`")


def somebody_else_agreed(node: Located, faults: Faults) -> None:
    """Note an exemption whose owner approved it; a mail address is the same person's, whatever name stands by it."""
    owner, approver = _text(node, "owner"), _text(node, "approver")
    if owner and approver and _people(owner.value) & _people(approver.value):
        faults.add(approver, f"{quoted(approver.value)} is the exemption's owner: somebody else has to approve it")


def _people(text: str) -> set[str]:
    return set(_ADDRESS.findall(text.casefold())) or {text.strip().casefold()}


def exemptions_are_apart(placed: Sequence[Placed], rules: ExemptionRules, faults: Faults) -> None:
    """Note every two exemptions that can excuse the same finding of the same pool at the same time, up to a hundred."""
    told, timed = 0, [(node, exemption, exemption.ends(rules)) for node, exemption in placed]
    for before, after in pairs_that_may_meet([exemption.match for _, exemption in placed]):
        (_, one, end), (node, other, other_end) = timed[before], timed[after]
        same_time = min(end, other_end) > max(one.created, other.created)
        if same_time and _same_reasons(one, other) and can_share(one.match, other.match):
            both = f"exemption {quoted(other.name)} overlaps {quoted(one.name)} (line {one.line})"
            faults.add(node, f"{both}: both can excuse one pool at one time; narrow one, or end it sooner")
            told += 1
            if told == _OVERLAPS:
                faults.add(node, f"{told} exemptions overlap others: the rest is compared once these are mended")
                return


def can_share(one: Match, other: Match) -> bool:
    """Say whether two matches can be about the same pool; errs, if at all, on the side of yes."""
    return (
        all(_globs_share(getattr(one, part), getattr(other, part)) for part in _GLOBS)
        and all(_tags_share(getattr(one, part), getattr(other, part)) for part in ("tags", "pool_tags"))
        and _versions_share(one.kubernetes, other.kubernetes)
    )


def _globs_share(one: Sequence[str], other: Sequence[str]) -> bool:
    return not one or not other or any(meet(left, right) for left in one for right in other)


def _tags_share(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    theirs = {name.lower(): glob for name, glob in other.items()}
    return all(meet(glob, theirs.get(name.lower(), "*")) for name, glob in one.items())


def _versions_share(one: VersionRange | None, other: VersionRange | None) -> bool:
    if one is None or other is None:
        return True
    both = VersionRange(f"{one.text} {other.text}")
    return any(both.holds(version) for version in both.edges())


def _same_reasons(one: Exemption, other: Exemption) -> bool:
    return not one.covers or not other.covers or bool({*one.covers} & {*other.covers})


def _text(node: Located, key: str) -> Located | None:
    found = mapping(node).get(key)
    return found if found is not None and isinstance(found.value, str) and found.value else None
