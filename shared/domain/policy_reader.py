"""Reads the policy and the exemptions: text in, typed and checked records or every fault at once out.

Never returns half a policy: what has any fault raises ConfigError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.domain import policy_checks as checks
from shared.domain.codec import text_hash
from shared.domain.exemptions import NO_EXEMPTIONS, Category, Exemption, Exemptions
from shared.domain.language import Key, keys, names
from shared.domain.matching import Match
from shared.domain.policy import ExemptionRules, Policy, Rule
from shared.domain.reading import Reader
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Settings
from shared.domain.yaml_source import Faults, Located, mapping, parse
from shared.errors import ConfigError

T = TypeVar("T", Policy, Exemptions)
VERSION = 1
"""The only version of the language that there has been."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that people wrote."""

    name: str
    """What they call it."""
    text: str


def read_rulebook(policy: Source, exemptions: Source | None = None) -> Rulebook:
    """Read the policy and the exemptions that go with it; raises ConfigError with the faults of both."""
    rules, excused = Policy(), NO_EXEMPTIONS
    wrong: list[ConfigError] = []
    try:
        rules = read_policy(policy.text, policy.name)
    except ConfigError as error:
        wrong.append(error)
    try:
        if exemptions:
            # Until when each counts is the policy's to say: while that can't be read, none is said to overlap.
            excused = read_exemptions(exemptions.text, exemptions.name, None if wrong else rules.exemptions)
    except ConfigError as error:
        wrong.append(error)
    if len(wrong) > 1:
        faults = tuple(f"{one.subject}: {fault}" for one in wrong for fault in one.faults)
        raise ConfigError(" and ".join(one.subject for one in wrong), faults)
    if wrong:
        raise wrong[0]
    return Rulebook(rules, excused)


def read_policy(text: str, name: str = "policy") -> Policy:
    """Read a policy from YAML.

    Raises ConfigError with `name` and one line per fault (`line L, column C: what, what to do`).
    """
    faults = Faults()
    root = parse(text, faults)
    policy = Policy(hash=text_hash(text))
    if _is_document(root, Policy, "policy", faults):
        policy = _policy(root, Reader(faults), policy)
    return _sound(policy, name, faults)


def read_exemptions(text: str, name: str = "exemptions", rules: ExemptionRules | None = ExemptionRules()) -> Exemptions:  # noqa: B008 (frozen)
    """Read the exemptions from YAML; the policy's `rules` say until when each counts, and so which overlap.

    Raises ConfigError like `read_policy`.
    """
    faults = Faults()
    root = parse(text, faults)
    exemptions = Exemptions(hash=text_hash(text))
    if _is_document(root, Exemptions, "exemptions file", faults):
        exemptions = _exemptions(root, Reader(faults), exemptions, rules)
    return _sound(exemptions, name, faults)


def _sound(found: T, name: str, faults: Faults) -> T:
    if faults.count:
        raise ConfigError(name, faults.lines())
    return found


def _is_document(root: Located, kind: type, what: str, faults: Faults) -> bool:
    if root.failed:
        return False
    if not isinstance(root.value, dict):
        faults.add(root, f"the {what} is a mapping that begins with `version: {VERSION}`")
        return False
    if misplaced := _misplaced(root, kind):
        # What else is wrong with it as what it is not would help nobody.
        faults.add(root, misplaced)
        return False
    faults.unknown_keys(root, ("version", *names(kind)), f"the {what}")
    version = mapping(root).get("version", root)
    if type(version.value) is not int or version.raw != str(VERSION):
        faults.add(version, f"`version: {VERSION}` must stand in the {what}: this app reads no other version")
    return True


def _misplaced(root: Located, kind: type) -> str:
    """Say that a text is the other one of the two: the key `exemptions` is a list in one and a mapping in the other."""
    listed = mapping(root).get("exemptions")
    of_policies = {*names(Policy)} & {*mapping(root)} - {"exemptions"}
    if kind is Policy and listed is not None and isinstance(listed.value, list) and not of_policies:
        return "this is an exemptions file, not a policy: commands take it with `--exemptions`, the app by a setting"
    if kind is Exemptions and listed is None and of_policies:
        return "this is a policy, not an exemptions file: its entries stand in a list under `exemptions`"
    return ""


def _policy(root: Located, reader: Reader, base: Policy) -> Policy:
    defaults = reader.fill(Settings, root, "the policy", base.defaults) or base.defaults
    rules: list[tuple[Located, Rule]] = []
    if written := mapping(root).get("rules"):
        # What a rule leaves out is as at the top.
        rules = reader.items(_key(Policy, "rules"), written, Rule("", settings=defaults))
    known = {"defaults": defaults, "rules": tuple(rule for _, rule in rules)}
    policy = reader.fill(Policy, root, "the policy", base, known) or base
    checks.names_differ(_list(root, "rules"), "rule", reader.faults, taken="default")
    checks.names_differ(_list(root, "rings"), "ring", reader.faults)
    checks.rings_lead_on(_list(root, "rings"), reader.faults)
    checks.pods_have_an_image(root, defaults, rules, reader.faults)
    if scope := mapping(root).get("scope"):
        checks.all_is_alone(_list(scope, "subscriptions"), reader.faults)
    return policy


def _exemptions(root: Located, reader: Reader, base: Exemptions, rules: ExemptionRules | None) -> Exemptions:
    written = mapping(root).get("exemptions")
    placed = reader.items(_key(Exemptions, "exemptions"), written) if written else []
    checks.names_differ(_list(root, "exemptions"), "exemption", reader.faults)
    for node in _list(root, "exemptions"):
        checks.exemption_ends_after_it_begins(node, _read(node, "created"), _read(node, "expires"), reader.faults)
        checks.somebody_else_agreed(node, reader.faults)
    if rules:
        sound = {id(node): exemption for node, exemption in placed}
        entries = [(node, sound.get(id(node)) or _outline(node)) for node in _list(root, "exemptions")]
        checks.exemptions_are_apart([(node, each) for node, each in entries if each], rules, reader.faults)
    return Exemptions(tuple(exemption for _, exemption in placed), base.hash)


def _read(node: Located, name: str) -> Any:
    """Read one key of an exemption; None if it is not there or at fault, which is told where the whole is read."""
    written, unheard = mapping(node).get(name), Faults()
    found = Reader(unheard).value(_key(Exemption, name), written) if written else None
    return None if unheard.count else found


def _outline(node: Located) -> Exemption | None:
    """Return what tells which pools an exemption that is at fault elsewhere excuses, and when; None if that is."""
    match, created, expires = (_read(node, name) for name in ("match", "created", "expires"))
    covers = _read(node, "covers") if "covers" in mapping(node) else ()
    if match is None or created is None or expires is None or covers is None or match == Match():
        return None
    name = mapping(node).get("name")
    called = str(name.value) if name else ""
    return Exemption(called, match, Category.WAIVER, "", "", "", "", created, expires, covers, node.line)


def _key(kind: type, name: str) -> Key:
    return next(key for key in keys(kind) if key.name == name)


def _list(node: Located, key: str) -> Sequence[Located]:
    found = mapping(node).get(key)
    return found.value if found is not None and isinstance(found.value, list) else ()
