"""What `fipswarden policy diff` compares with where no file is named: what the app acts by now, or may act by."""

from dataclasses import dataclass, replace

from shared.domain.policy import Policy
from shared.domain.policy_approval import unapproved
from shared.domain.rulebook import Rulebook
from shared.errors import ConfigError

_WAITS = "the text that the app uses now is not approved, or not any more, so that nothing is done by it"


@dataclass(frozen=True, slots=True)
class Old:
    """A rulebook to compare with."""

    rules: Rulebook
    name: str
    """What people call its policy."""
    notes: tuple[str, ...] = ()
    """Why it is this one, where that is not plain."""


def not_agreed(new: Policy) -> tuple[str, ...]:
    """Return that the app would begin nothing by a new text until somebody approves it; empty if it would."""
    from shared import bootstrap
    from shared.budget import read_budget

    if not unapproved(new, read_budget(bootstrap.table("rollout")), bootstrap.SystemClock().now()):
        return ()
    said = f"The new text (sha256 {new.hash[:12]}...) is not approved: nothing is begun by it until"
    return (f"{said} `fipswarden policy approve`.",)


def acted_by() -> Old:
    """Return the pair that the app used last; while its policy waits for an approval, the one approved last.

    If none was, nothing is done by the last used. Raises InputError if the app never used a pair.
    """
    from shared import bootstrap
    from shared.budget import read_budget
    from shared.rulebooks import last_approved, last_used

    try:
        table = bootstrap.table("rollout")
    except ConfigError as error:
        hint = "or, without the app, name the policy to compare with: --old FILE"
        raise ConfigError(error.subject, (*error.faults, hint)) from error
    used = last_used(table)
    if not unapproved(used.policy, read_budget(table), bootstrap.SystemClock().now()):
        return Old(used, "the last used")
    approved = last_approved(table)
    if approved:
        notes = (f"{_WAITS}: compared with the text approved last",)
        return Old(Rulebook(approved, used.exemptions), "the last approved", notes)
    return Old(replace(used, policy=used.policy.held()), "the last used, not approved", (_WAITS,))
