"""`fipswarden policy diff`: what another policy would change in the real fleet; asks, compares, changes nothing."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cli.difference_old import Old, acted_by, not_agreed
from cli.difference_report import Report, print_difference
from cli.exits import NON_COMPLIANT, OK, UNKNOWN, cut_short, returns
from cli.fleet import FleetReading, add_from, say_unseen
from cli.naming import a_file, add_output
from cli.rules import load
from cli.scope import ALL_OUT, scope_gaps, with_scope
from shared.domain.difference import difference
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import Cluster, Unreadable
from shared.domain.pages import Gap
from shared.domain.policy import Policy
from shared.domain.policy_warnings import rulebook_warnings
from shared.domain.rulebook import Rulebook
from shared.domain.saved import Entry
from shared.domain.unfit import unfit
from shared.errors import InputError

_DESCRIPTION = (
    "Shows what NEW would change against the policy and the exemptions that the app used last (while that policy waits "
    "for an approval: against the one approved last): which node pools would "
    "now be reimaged, or no longer; be in scope, or out of it; be exempt, or not; be under another rule. Windows, "
    "budget, notices and approvals only delay a reimage, and count for nothing here."
)
_EXIT = returns(
    "it disrupts more (a step would be taken that was not, or another one)",
    "a part of the fleet was not seen, or NEW leaves out all of it",
)


def add(what: Any) -> None:
    """Add the command to the parser of `policy`."""
    words = "what another policy would change in the fleet; 1 if it disrupts more"
    diff = what.add_parser("diff", help=words, description=_DESCRIPTION, epilog=_EXIT)
    diff.add_argument("new", type=a_file, metavar="NEW", help="the policy that may come, YAML")
    exempted = "the exemptions that go with NEW; without it, those that go with the old policy"
    diff.add_argument("--exemptions", type=a_file, help=exempted)
    old = (
        "compare with this policy rather than the last used one; needs no deployed app, and remembers nothing of pools"
    )
    diff.add_argument("--old", type=a_file, help=old)
    before = "the exemptions that go with OLD; without it, those of NEW hold for both"
    diff.add_argument("--old-exemptions", type=a_file, help=before)
    add_from(diff, "compare on")
    fresh = "read every cluster from ARM: Resource Graph lags behind, and shows too little for proofs of nodes to count"
    diff.add_argument("--fresh", action="store_true", help=fresh)
    add_output(diff)
    diff.set_defaults(run=_diff)


def _diff(chosen: argparse.Namespace) -> int:
    if chosen.files and chosen.fresh:
        raise InputError("--fresh reads from ARM and --from reads files: give one of the two")
    now = datetime.now(UTC)
    old, new = _rulebooks(chosen)
    memories = _memories(live=not chosen.files and not chosen.old)
    fleet = _Fleet(FleetReading(), memories, FleetSeen(new.policy), (old.rules.policy, new.policy))
    found = difference(fleet.clusters(chosen.files, fresh=chosen.fresh), old.rules, new, now)
    fleet.gaps.extend(scope_gaps(new, fleet.reading.covered))
    warnings = (*rulebook_warnings(new, now), *fleet.warnings(new))
    agreed = () if chosen.old else not_agreed(new.policy)
    names, notes = (old.name, str(chosen.new)), (*old.notes, *agreed, *fleet.notes, *new.warnings)
    notes += (ALL_OUT,) if fleet.shut_out else ()
    report = Report(found, (old.rules, new), names, tuple(fleet.gaps), notes, warnings)
    with cut_short():
        print_difference(report, chosen.output)
    say_unseen(report.gaps, report.notes)
    if found.disrupts_more:
        return NON_COMPLIANT
    return UNKNOWN if report.gaps or fleet.shut_out else OK


def _rulebooks(chosen: argparse.Namespace) -> tuple[Old, Rulebook]:
    """Return the old and the new rulebook; where only policies are given, the same exemptions hold for both."""
    if chosen.old_exemptions and not chosen.old:
        raise InputError("--old-exemptions go with a policy: give --old as well")
    new = load(chosen.new, chosen.exemptions)
    old = _old(chosen, new) if chosen.old else acted_by()
    if not chosen.exemptions:
        new = Rulebook(new.policy, old.rules.exemptions)
    signed_in = not chosen.files
    return replace(old, rules=with_scope(old.rules, signed_in=signed_in)), with_scope(new, signed_in=signed_in)


def _old(chosen: argparse.Namespace, new: Rulebook) -> Old:
    if chosen.old_exemptions:
        return Old(load(chosen.old, chosen.old_exemptions), str(chosen.old))
    same = (
        "The same exemptions hold for both policies: --old-exemptions FILE gives the old one its own."
        if chosen.exemptions
        else ""
    )
    return Old(Rulebook(load(chosen.old).policy, new.exemptions), str(chosen.old), (same,) if same else ())


def _memories(*, live: bool) -> Callable[[ClusterId], Memory]:
    """Return what tells what the app remembers of a cluster; of a saved fleet, or beside the app, nobody does."""
    if not live:
        return lambda _: Memory()
    from shared import bootstrap
    from shared.rollout import read_memory

    table = bootstrap.table("rollout")
    return lambda cluster: read_memory(table, cluster)


@dataclass(slots=True)
class _Fleet:
    """The fleet as it is compared: what was seen of it is kept for the globs, what was not as gaps."""

    reading: FleetReading
    memory: Callable[[ClusterId], Memory]
    seen: FleetSeen
    policies: tuple[Policy, Policy]
    """The old one and the new one."""
    keys: set[str] = field(default_factory=set)
    excluded: bool = False
    """The new policy leaves out something of what was read."""
    judged: bool = False
    """It is about something of it, or may be."""

    @property
    def gaps(self) -> list[Gap]:
        return self.reading.gaps

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.reading.notes)

    @property
    def shut_out(self) -> bool:
        """Say whether the new policy's scope leaves out all that was read."""
        return self.excluded and not self.judged

    def clusters(self, files: list[str] | None, *, fresh: bool) -> Iterator[tuple[Cluster, Memory]]:
        """Yield the clusters that could be read, each with what is remembered of it."""
        for entry in self.reading.entries(files, fresh=fresh):
            in_scope = [_covers(policy, entry) for policy in self.policies]
            self.excluded, self.judged = self.excluded or not in_scope[1], self.judged or in_scope[1]
            if any(in_scope):
                self.gaps.extend(_gaps(entry, str(entry.cluster or entry.where)))
            if isinstance(entry.read, Cluster):
                self._keep(entry.read)
                if not unfit(entry.read):
                    yield entry.read, self.memory(entry.read.id)
            else:
                self.seen.note(entry.read)

    def _keep(self, read: Cluster) -> None:
        if read.id.key in self.keys:
            note = f"{read.id} came more than once: its pools count as they would be disrupted most"
            self.reading.notes.append(note)
        self.keys.add(read.id.key)
        self.seen.note(read)

    def warnings(self, new: Rulebook) -> tuple[str, ...]:
        """Return what no ring holds back and what is nowhere in the fleet; that only where all of it was seen."""
        self.seen.whole = self.seen.whole and not self.gaps
        return fleet_warnings(new, self.seen)


def _covers(policy: Policy, entry: Entry) -> bool:
    """Say whether an entry is, or may be, in a policy's scope."""
    if isinstance(entry.read, Cluster):
        return policy.covers(entry.read)
    return entry.cluster is None or policy.may_cover(entry.cluster)


def _gaps(entry: Entry, name: str) -> Iterator[Gap]:
    if isinstance(entry.read, Unreadable):
        yield Gap(name, entry.read.reason, entry.read.message)
    if isinstance(entry.read, Cluster) and (why := unfit(entry.read)):
        yield Gap(name, "Unintelligible", why)
    for fault in entry.faults:
        # A pool that stands there twice has made the cluster unfit.
        if fault.reason != "Contradictory":
            yield Gap(name, fault.reason, fault.message)
