"""Management groups in the scope of a policy that a command was given: resolved as whoever is signed in, or refused."""

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.model import Unreadable
from shared.domain.pages import Gap
from shared.domain.policy import Policy
from shared.domain.rulebook import Rulebook
from shared.domain.scope import SubscriptionsOf, empty_groups, resolved
from shared.errors import InputError, TransientError

ALL_OUT = (
    "nothing was judged: the policy's scope leaves out every cluster that was read; correct `scope.subscriptions` or "
    "`scope.exclude`"
)
"""What is said of a scope that shuts everything out: a mistyped one does."""


def with_scope(rules: Rulebook, *, signed_in: bool) -> Rulebook:
    """Return rules whose management groups are subscriptions; without sign-in nobody can be asked what they hold.

    Raises InputError if they can't be resolved, TransientError if trying again later may help.
    """
    groups = rules.policy.scope.management_groups
    if not groups:
        return rules
    if not signed_in:
        raise InputError(
            f"the policy's scope names management groups ({', '.join(groups)}), and what they hold only Azure knows: "
            "sign in and leave --from out, or name their subscriptions in scope.subscriptions"
        )
    from shared import bootstrap

    below = bootstrap.standalone_management_groups()
    warnings = (*rules.warnings, *empty_groups(rules.policy, below))
    return replace(rules, policy=_resolved(rules.policy, below), warnings=warnings)


def scope_gaps(rules: Rulebook, covered: Iterable[str]) -> tuple[Gap, ...]:
    """Return what management groups bring into scope and nobody has looked at."""
    from shared.coverage import uncovered

    missed = uncovered(rules.policy, covered)
    return tuple(Gap(f"subscription {one}", why.reason, why.message) for one, why in missed.items())


def _resolved(policy: Policy, below: SubscriptionsOf) -> Policy:
    found = resolved(policy, below)
    if not isinstance(found, Unreadable):
        return found
    if found.retry_after is not None:
        raise TransientError(found.message, found.retry_after)
    raise InputError(found.message)
