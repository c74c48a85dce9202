"""`fipswarden check`: judges the fleet, live or as it was saved, by the same code as the app; changes nothing."""

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.exits import MEANING, cut_short
from cli.fleet import FleetReading, add_from, say_unseen
from cli.naming import a_file, add_output
from cli.report import print_report
from cli.rules import load
from cli.scope import scope_gaps, with_scope
from cli.verdicts import Judge
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.policy_reader import read_policy
from shared.domain.policy_warnings import rulebook_warnings
from shared.domain.rulebook import Rulebook
from shared.domain.saved import Entry
from shared.errors import InputError

BUILT_IN = "version: 1\nmode: audit\nproof: { level: control-plane }\n"
"""The policy without `--policy`: FIPS required of every node pool, nothing is acted on, ARM's word is enough."""
_DESCRIPTION = (
    "Judges every node pool. Without --from: live, through Resource Graph, as whom `az login` says, in the "
    "subscriptions of FIPSWARDEN_SUBSCRIPTIONS or all that can be read. Nodes are not asked: where a policy wants "
    "their proof, pools are unknown (ProofMissing); `fipswarden posture` shows what the app has proven."
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check", help="judge the fleet, live or saved", description=_DESCRIPTION, epilog=MEANING
    )
    add_from(check, "judge")
    check.add_argument("--policy", type=a_file, help="without it: FIPS required everywhere, control-plane proof, audit")
    check.add_argument("--exemptions", type=a_file, help="the exemptions that go with the policy")
    add_output(check, "csv")
    check.add_argument("--fresh", action="store_true", help="read every cluster from ARM: Resource Graph lags behind")
    check.set_defaults(run=_check)


def _check(chosen: argparse.Namespace) -> int:
    if chosen.files and chosen.fresh:
        raise InputError("--fresh reads from ARM and --from reads files: give one of the two")
    fleet = FleetReading()
    rules = with_scope(_rules(chosen.policy, chosen.exemptions), signed_in=not chosen.files)
    now, seen = datetime.now(UTC), FleetSeen(rules.policy)
    judge = Judge(rules, now, fleet.gaps, fleet.notes)
    judge.judge(_noted(fleet.entries(chosen.files, fresh=chosen.fresh), seen))
    fleet.gaps.extend(scope_gaps(rules, fleet.covered))
    fleet.notes.extend(rulebook_warnings(rules, now))
    seen.whole = seen.whole and not fleet.gaps
    fleet.notes.extend(fleet_warnings(rules, seen))
    verdicts = judge.verdicts()
    with cut_short():
        print_report(verdicts, chosen.output)
    say_unseen(verdicts.gaps, verdicts.notes)
    return verdicts.exit_code


def _noted(entries: Iterable[Entry], seen: FleetSeen) -> Iterator[Entry]:
    for entry in entries:
        seen.note(entry.read)
        seen.whole = seen.whole and not entry.faults
        yield entry


def _rules(policy: Path | None, exemptions: Path | None) -> Rulebook:
    if exemptions and not policy:
        raise InputError("--exemptions go with a policy: give --policy as well")
    return load(policy, exemptions) if policy else Rulebook(read_policy(BUILT_IN, "the built-in policy"))
