"""The demo's reports: one page to look at, and the OSCAL document, which compliance-trestle has to accept."""

import json
from collections.abc import Callable
from pathlib import Path

from cli.exits import NON_COMPLIANT, OK, UNKNOWN
from cli.main import main as run_command
from local.demo_show import DemoError

WHOLE = (OK, NON_COMPLIANT, UNKNOWN)
"""What a report may return: how the fleet is."""


def write_reports(folder: Path, pack: Path, say: Callable[[str], None]) -> None:
    """Write reports of a pack into a folder; raises DemoError if trestle does not accept the OSCAL document."""
    say("The pack is all that a report needs: a page to read, OSCAL for assessors' tools.")
    for form, name in (("html", "report.html"), ("oscal", "assessment-results.json")):
        if run_command(["report", "--format", form, "--offline", str(pack), "--to", str(folder / name)]) not in WHOLE:
            raise DemoError(f"the report {name} could not be written")
    if fault := oscal_fault(folder / "assessment-results.json"):
        raise DemoError(f"compliance-trestle does not accept the OSCAL document: {fault}")
    say("[green]compliance-trestle accepts the OSCAL document.[/green]")


def oscal_fault(file: Path) -> str:
    """Return what compliance-trestle has against a document of assessment results; empty if nothing."""
    from trestle.core.validator_factory import validator_factory
    from trestle.oscal.assessment_results import Model

    try:
        found = Model.model_validate(json.loads(file.read_bytes())).assessment_results
    except ValueError as error:
        return str(error)
    refused = [one for one in validator_factory.get_all() if not one.model_is_valid(found, quiet=True)]
    return "; ".join(type(one).__name__ for one in refused)
