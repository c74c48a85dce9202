"""The end of the demo: its evidence is verified, exported, verified without Azure, forged, and the forgery found."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cli.exits import NON_COMPLIANT, OK
from cli.main import main as run_command
from local.demo_show import DemoError
from shared.archive import Directory
from shared.domain.ids import ClusterId
from shared.domain.pack import SUMS, sum_line

PACK = "evidence"
"""Name of the pack in the demo's folder."""
TRUE, FALSE = b"inconsistent", b"compliant"
"""What a record says of the node that lied, and what a forger would have it say."""


def verify_evidence(folder: Path, liar: ClusterId, mailed: Sequence[str], say: Callable[[str], None]) -> None:
    """Verify all that the demo has recorded, and a forged copy of it; raises DemoError if either goes wrong.

    `liar` is the cluster of which a node has lied, `mailed` what the daily mail says to verify the evidence with.
    """
    say("All of its evidence is verified where it lies: `fipswarden evidence verify`.")
    _run(OK, "verify")
    pack, forged = folder / PACK, folder / f"{PACK}-forged"
    for old in (pack, forged):
        shutil.rmtree(old, ignore_errors=True)
    say(
        f"It goes to an auditor as a folder, {pack.name}, who needs no Azure: the daily mail says what it has to match."
    )
    _run(OK, "export", str(pack))
    say(f"`fipswarden evidence verify --offline {pack.name} {' '.join(mailed)}`")
    _run(OK, "verify", "--offline", str(pack), *mailed)
    name = forge(pack, forged, liar)
    say(f"In a copy, {name} is made to say that the pool whose node lied was compliant, and {SUMS} is made to fit ...")
    _run(NON_COMPLIANT, "verify", "--offline", str(forged), *mailed)
    say("[red]The forgery is found[/red], and the record is named.")


def forge(pack: Path, forged: Path, liar: ClusterId) -> str:
    """Copy a pack, change one record, make the list of hashes anew; returns the record's name."""
    shutil.copytree(pack, forged)
    archive = Directory(forged)
    name = next((one for one in archive.names(f"evidence/{liar.path}/") if TRUE in archive.data(one)), None)
    if name is None:
        raise DemoError("no record says that a node has lied")
    (forged / name).write_bytes(archive.data(name).replace(TRUE, FALSE))
    sums = (sum_line(one, hashlib.sha256(archive.data(one)).hexdigest()) for one in archive.names() if one != SUMS)
    (forged / SUMS).write_text("".join(sums), encoding="utf-8")
    return name


def _run(code: int, *arguments: str) -> None:
    found = run_command(["evidence", *arguments])
    if found != code:
        raise DemoError(f"`fipswarden evidence {' '.join(arguments)}` returned {found}, not {code}")
