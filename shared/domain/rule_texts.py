"""The texts of policy and exemptions that evidence records hold, found again by their hashes.

What they say is used only to complete what the records of looks say themselves; a text that is missing, or can't be
read, never makes a verdict better.
"""

from dataclasses import dataclass, field

from shared.domain.assessed import Source
from shared.domain.bodies import Body, ExemptionsText, PolicyText
from shared.domain.exemptions import NO_EXEMPTIONS, Exemptions
from shared.domain.policy import Policy
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.rulebook import Rulebook
from shared.errors import ConfigError


@dataclass(slots=True)
class RuleTexts:
    """The texts that were met so far; each is read once."""

    sources: dict[str, Source] = field(default_factory=dict)
    """The record of each text of the policy, by the text's hash."""
    unread: dict[str, None] = field(default_factory=dict)
    """Which texts can't be read here, as sentences, each once."""
    _policies: dict[str, str] = field(default_factory=dict)
    _exemptions: dict[str, str] = field(default_factory=dict)
    _books: dict[tuple[str, str], tuple[Rulebook | None, tuple[str, ...]]] = field(default_factory=dict)
    """What each pair of texts says, and why it does not say all."""

    def meet(self, said: Body | None, source: Source) -> None:
        """Remember the text of a record, if it holds one."""
        match said:
            case PolicyText():
                self._policies[said.hash] = said.text
                self.sources[said.hash] = source
            case ExemptionsText():
                self._exemptions[said.hash] = said.text
            case _:
                pass

    def rulebook(self, policy: str, exemptions: str) -> Rulebook | None:
        """Return what a look judged by, by the hashes that its records name; None if the policy is not there."""
        key = (policy, exemptions)
        if key not in self._books:
            faults: list[str] = []
            rules = self._policy(policy, faults)
            book = Rulebook(rules, self._excused(exemptions, rules, faults)) if rules else None
            self._books[key] = book, tuple(faults)
        return self._books[key][0]

    def tell(self, policy: str, exemptions: str) -> None:
        """Note what the texts of a last look do not say."""
        self.rulebook(policy, exemptions)
        self.unread |= dict.fromkeys(self._books[policy, exemptions][1])

    def _policy(self, wanted: str, faults: list[str]) -> Policy | None:
        if wanted not in self._policies:
            faults.append(_missing("policy", wanted))
            return None
        try:
            return read_policy(self._policies[wanted])
        except ConfigError as error:
            # Of another version of the language, or without what records may not hold.
            faults.append(_unread(f"the policy {wanted[:12]}", error))
            return None

    def _excused(self, wanted: str, rules: Policy, faults: list[str]) -> Exemptions:
        text = self._exemptions.get(wanted)
        if wanted and text is None:
            faults.append(_missing("exemptions", wanted))
        try:
            return read_exemptions(text, rules=rules.exemptions) if text else NO_EXEMPTIONS
        except ConfigError as error:
            faults.append(_unread(f"the exemptions {wanted[:12]}", error))
            return NO_EXEMPTIONS


def _missing(what: str, wanted: str) -> str:
    which = f"the {what} {wanted[:12]} that it was judged by" if wanted else f"a record of the {what}"
    return f"no record holds {which}: owners, ends and due dates are not taken from it"


def _unread(what: str, error: ConfigError) -> str:
    return f"{what}: owners, ends and due dates are not taken from that text: {error.faults[0]}"
