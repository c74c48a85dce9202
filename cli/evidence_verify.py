"""`fipswarden evidence verify`: whether stored evidence, or an exported pack of it, is what the app wrote."""

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.counter import counter
from cli.evidence_notes import late, notes
from cli.exits import NON_COMPLIANT, OK, UNKNOWN, cut_short, returns
from cli.naming import CLUSTER, add_output, at_least_one, named, named_cluster, well_named
from cli.show import plain_text
from shared.domain.wording import count
from shared.errors import InputError

if TYPE_CHECKING:
    from shared.domain.records import Head
    from shared.domain.verification import Fault
    from shared.folder import Folder
    from shared.verifying import Asked, Verification

_MOST = 20
_DESCRIPTION = (
    "Checks every record of every chain, the manifests with their signatures, and what they vouch for. "
    "1 if anything is wrong: the first bad record is named, and some more. 2 if there is nothing to verify. "
    "docs/evidence.md has the algorithm, for whoever would rather not trust this command."
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    words = "check that evidence is what the app wrote"
    meaning = returns("anything is wrong", "there is nothing to verify")
    verify = commands.add_parser("verify", help=words, description=_DESCRIPTION, epilog=meaning)
    add_scope(verify)
    verify.add_argument(
        "--offline", type=folder_path, metavar="DIR", help="what `evidence export` wrote; no Azure is needed"
    )
    verify.add_argument(
        "--key",
        type=named,
        action="append",
        default=[],
        help="key that manifests must be signed by, from the first that it signed on: a PEM or JWK file, or its "
        "thumbprint; more than one may be given",
    )
    verify.add_argument(
        "--manifest",
        type=_manifest,
        action="append",
        default=[],
        metavar="NUMBER:SHA256",
        help="a manifest as a mail or event told it: it must be there and be the same; more than one may be given",
    )
    verify.add_argument(
        "--most", type=at_least_one, default=_MOST, metavar="N", help=f"list so many faults; default: {_MOST}"
    )
    add_output(verify)
    verify.set_defaults(run=_verify)


_SINCE = "only what came after the last manifest of that day, or before it"


def add_scope(parser: Any, since: str = _SINCE) -> None:
    """Add `--cluster` and `--since`."""
    parser.add_argument("--cluster", help=f"{CLUSTER}; default: all")
    parser.add_argument("--since", type=a_day, metavar="DATE", help=since)


def folder_path(text: str) -> Path:
    """Return the path of a folder that is read."""
    return Path(named(text))


def a_day(text: str) -> date:
    """Return a day; raises ArgumentTypeError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: give it as 2026-11-23") from error


def _manifest(text: str) -> "Head":
    """Return number and hash of a manifest; raises ArgumentTypeError for anything else."""
    from shared.domain.records import Head

    found = re.fullmatch(r"0*([1-9][0-9]{0,9}):([0-9a-f]{64})", text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"{text[:100]!r}: give it as the daily mail has it, 3:<64 hexadecimal digits>")
    return Head(int(found[1]), found[2])


def _verify(chosen: argparse.Namespace) -> int:
    from shared.verifying import Verification

    trusted = frozenset(_thumbprint(key) for key in chosen.key)
    with (
        stored(chosen, trusted, tuple(chosen.manifest)) as (folder, asked),
        counter("records", folder.files if folder else None) as counted,
    ):
        from shared import bootstrap

        archive = folder.archive if folder else bootstrap.archive()
        verification = Verification(archive, asked, folder.sums if folder else None, counted)
        found = list(folder.faults) if folder else []
        first, total = found[: chosen.most], len(found)
        for fault in verification.faults():
            total += 1
            if len(first) < chosen.most:
                first.append(fault)
    plain_copy = folder is not None and folder.files is None
    with cut_short():
        if chosen.output == "json":
            print(json.dumps(_document(first, total, verification, plain_copy=plain_copy), indent=2))
        else:
            _print(first, total, verification, plain_copy=plain_copy)
    if total:
        return NON_COMPLIANT
    return OK if verification.seen.records else UNKNOWN


@contextmanager
def stored(
    chosen: argparse.Namespace, trusted: frozenset[str] = frozenset(), told: "tuple[Head, ...]" = ()
) -> "Iterator[tuple[Folder | None, Asked]]":
    """Give what is to be verified: a folder, or None for the evidence account."""
    from shared import bootstrap
    from shared.domain.pack import Scope
    from shared.folder import opened
    from shared.heads import known_heads
    from shared.verifying import Asked

    now = bootstrap.SystemClock().now()
    if chosen.offline is None:
        if chosen.cluster:
            well_named(chosen.cluster)
        # Of the settings that are missing it names all, where a table would name its own.
        bootstrap.archive()
        scope = Scope(named_cluster(chosen.cluster).path if chosen.cluster else "")
        # Before anything is listed: what is written meanwhile is beyond these heads.
        heads = known_heads(bootstrap.table("posture"), bootstrap.table("rollout"))
        with nullcontext():
            yield None, Asked(now, scope, chosen.since, heads, trusted, told=told)
        return
    with opened(chosen.offline) as folder:
        asked = Asked(now, Scope(), chosen.since, trusted=trusted, told=told)
        if folder.pack:
            pack = folder.pack
            asked = replace(asked, now=pack.at, scope=pack.scope, heads=pack.heads, held=pack.scope)
        if chosen.cluster:
            path = _path_in(chosen.offline, chosen.cluster)
            asked = replace(asked, scope=replace(asked.scope, cluster=path))
        yield folder, asked


def _path_in(root: Path, text: str) -> str:
    """Return the path of a cluster's chain in a folder, by ARM id or `group/name`; raises InputError."""
    from shared.domain.ids import ClusterId

    if text.startswith("/"):
        return named_cluster(text).path
    folder = root / "evidence"
    found = [
        path.relative_to(folder).as_posix()
        for path in folder.glob("*/*/*")
        if "/".join(path.parts[-2:]) == text.lower() and path.is_dir()
    ]
    if len(found) != 1:
        raise InputError(f"{text[:200]!r} names {len(found)} clusters in {root}: give the ARM id")
    return ClusterId(*found[0].split("/")).path


def _thumbprint(text: str) -> str:
    from shared.domain.signatures import thumbprint
    from shared.key_files import read_key_file

    # SHA-256 in base64url (RFC 7638): no file of a key is called so.
    return text if re.fullmatch(r"[A-Za-z0-9_-]{43}", text) else thumbprint(read_key_file(Path(text)))


def _print(first: "list[Fault]", total: int, verification: "Verification", *, plain_copy: bool) -> None:
    for fault in first:
        print(plain_text(str(fault)))
    if total > len(first):
        print(f"... and {total - len(first):,} more")
    seen = verification.seen
    if not seen.records and not total:
        print("there is no evidence to verify")
        return
    verdict = count(total, "fault") if total else "nothing is wrong"
    read = (count(seen.records, "record"), count(seen.chains, "chain"), count(seen.manifests, "manifest"))
    print(f"{verdict}: {', '.join(read)}")
    for line in notes(verification, plain_copy=plain_copy):
        print(plain_text(line))


def _document(first: "list[Fault]", total: int, verification: "Verification", *, plain_copy: bool) -> dict[str, Any]:
    """Return the same for programs; docs/cli.md has the fields."""
    from shared.domain.codec import plain

    seen, asked = verification.seen, verification.asked
    return {
        "faults": [plain(fault) for fault in first],
        "total": total,
        "records": seen.records,
        "chains": seen.chains,
        "manifests": seen.manifests,
        "unsigned": seen.unsigned,
        "unanchored": seen.unanchored,
        "scope": {"cluster": asked.scope.cluster, "after": seen.after},
        "unnamed": seen.unnamed,
        "quiet": seen.quiet,
        "foreign": seen.foreign,
        "lastManifest": _last(verification),
        "keys": {key: {"first": first, "last": last} for key, (first, last) in seen.keys.items()},
        "heads": plain(dict(sorted(seen.heads.items()))),
        "notes": list(notes(verification, plain_copy=plain_copy)),
    }


def _last(verification: "Verification") -> dict[str, Any] | None:
    from shared.domain.codec import plain

    seen, asked = verification.seen, verification.asked
    if not seen.last_date:
        return None
    said = {"given": seen.last in asked.told, "late": late(seen, asked)}
    return {"date": seen.last_date.isoformat(), **plain(seen.last), **said}
