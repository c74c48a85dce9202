"""`fipswarden policy approve`, `policy revoke`: a person's word for a text of the policy, told to everybody."""

import argparse
import re
from typing import TYPE_CHECKING, Any

from cli.asking import LONGEST, approved_until, in_person, look_at_waiting, tell, who
from cli.exits import DONE, OK
from cli.naming import a_file
from cli.rules import source
from cli.show import plain_text
from shared.domain.codec import text_hash
from shared.domain.policy import Policy
from shared.domain.policy_reader import read_policy
from shared.errors import ConfigError, InputError

if TYPE_CHECKING:
    from shared.ports import Table

_WHAT_RUNS = "a PUT that runs goes on to its end, and a replacement waits where it is"
_NEEDS_NONE = "it holds without an approval, too"
_ENDS = "the text approved before demanded an approval; that demand ends once the app uses this one"


def add(policy: Any) -> None:
    """Add the commands to those of `policy`."""
    words = "agree to exactly this text of the policy, for `require_approved_policy`"
    approve = policy.add_parser("approve", help=words, description=words, epilog=DONE)
    approve.add_argument("file", type=a_file, metavar="NEW", help="the policy, YAML")
    days = f"how long it holds, 1 to {LONGEST}; default: {LONGEST}"
    approve.add_argument("--days", default=str(LONGEST), help=days)
    approve.set_defaults(run=_approve)
    words = f"take back the approval of a text of the policy; {_WHAT_RUNS}, and everybody is told"
    revoke = policy.add_parser("revoke", help=words, description=words, epilog=DONE)
    revoke.add_argument("text", type=a_file, metavar="OLD", help="the policy, YAML, or its sha256 (64 hex digits)")
    revoke.set_defaults(run=_revoke)


def _approve(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import approve, read_budget
    from shared.domain.budget import Approval
    from shared.domain.people import DecisionKind
    from shared.rulebooks import keep_approved

    text, table, now = source(chosen.file), bootstrap.table("rollout"), bootstrap.SystemClock().now()
    policy = read_policy(text.text, text.name)
    until = approved_until(now, chosen.days)
    what = f"the policy with sha256 {policy.hash}: {_allows(policy)}"
    word = Approval(who(), now, until, what)
    demanded = read_budget(table).guarded
    about = DecisionKind.APPROVE_POLICY
    approve(table, policy.hash, word, guarded=policy.require_approved_policy, kind=about)
    keep_approved(table, text.text)
    tell("PolicyApproved", "A policy is approved", f"Approved by {in_person()} until {until:%Y-%m-%d}: {what}.")
    print(plain_text(f"approved until {until:%Y-%m-%d %H:%M} UTC, exactly this text: sha256 {policy.hash}"))
    print(plain_text(f"it allows: {_allows(policy)}"))
    if not policy.require_approved_policy:
        print(f"it doesn't say `require_approved_policy: true`: {_ENDS if demanded else _NEEDS_NONE}")
    used = _used(table)
    if used and used.hash != policy.hash and policy.require_approved_policy:
        said = "the app uses another text now, and begins nothing by it unless that is approved, too"
        print(f"{said}: sha256 {used.hash}")
    print(f"{look_at_waiting()} will be looked at now; what the app reads must be this very text to be approved")
    return OK


def _revoke(chosen: argparse.Namespace) -> int:
    from shared import bootstrap
    from shared.budget import revoke

    # The file may be gone, or be one that this version can't use: what was approved is a hash.
    named = str(chosen.text)
    of = named.lower() if re.fullmatch("[0-9a-fA-F]{64}", named) else text_hash(source(chosen.text).text)
    table = bootstrap.table("rollout")
    taken = revoke(table, of, who(), bootstrap.SystemClock().now())
    if not taken:
        raise InputError(f"no approval of this text holds: sha256 {of}; a changed space or line end is another text")
    for one in taken:
        text = f"{in_person()} took back what {one.by} had approved: {one.what}. By that text {_WHAT_RUNS}."
        tell("PolicyRevoked", "The approval of a policy was taken back", text)
        print(plain_text(f"taken back: {one.what}"))
    print(_without_approval(table, of))
    return OK


def _without_approval(table: "Table", of: str) -> str:
    """Say what becomes of a text whose approval was taken back, by the one that the app uses."""
    from shared.budget import read_budget

    demanded = read_budget(table).guarded
    used = _used(table)
    if used is None or used.hash != of:
        now = "the app uses another text now" if used else "which text the app uses is not known"
        said = f"{now}: by this one, whenever it is used, nothing is begun until it is approved anew"
        return said if demanded else f"{said}, but if it has no `require_approved_policy: true`"
    if demanded or used.require_approved_policy:
        return "the app uses this text: nothing is begun until it, or another one that comes into use, is approved"
    return "the app uses this text, which demands no approval, and goes on by it: `fipswarden pause` stops it"


def _used(table: "Table") -> Policy | None:
    """Return the policy that the app used last; None if it never used one, or it can't be read."""
    from shared.rulebooks import last_used

    try:
        return last_used(table).policy
    except (InputError, ConfigError):
        return None


def _allows(policy: Policy) -> str:
    """Say what may be changed where the policy is used."""
    acting = [f"rule `{rule.name}` ({rule.settings.mode})" for rule in policy.rules if rule.settings.mode.acts]
    if policy.defaults.mode.acts:
        acting.append(f"every pool that no rule matches ({policy.defaults.mode})")
    return f"changes by {', '.join(acting)}" if acting else "no change: no rule acts"
