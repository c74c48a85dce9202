"""How people name a cluster on the command line."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from shared.domain.ids import ClusterId
from shared.errors import InputError

CLUSTER = "a cluster: group/name, as `posture` prints it, or its ARM id"
"""For --help."""


def named(text: str) -> str:
    """Return the name of a file; raises ArgumentTypeError for none."""
    if not text:
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return text


def a_file(text: str) -> Path:
    """Return the path of a file that is read or written by its name; raises ArgumentTypeError for none."""
    if text == "-":
        raise argparse.ArgumentTypeError("- is standard input for --from alone: name a file")
    return Path(named(text))


def at_least_one(text: str) -> int:
    """Return a number; raises ArgumentTypeError for what is none, or is below 1."""
    # `int` takes spaces, signs and other scripts' digits, and 10,000 digits take it seconds.
    if not re.fullmatch("[0-9]{1,10}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"{text[:50]!r} is no number from 1 on")
    return int(text)


def add_output(parser: Any, *others: str) -> None:
    """Add `--output table|json`, with more of them, and `--json`, which is the same as `--output json`."""
    choices = ("table", "json", *others)
    parser.add_argument("--output", choices=choices, default="table", help="default: table")
    parser.add_argument("--json", dest="output", action="store_const", const="json", help="the same as --output json")


def named_cluster(text: str) -> ClusterId:
    """Return the cluster of an ARM id, or of `group/name` as the posture table knows it; raises InputError."""
    if text.startswith("/"):
        try:
            return ClusterId.parse(text)
        except ValueError as error:
            raise InputError(str(error)) from error
    well_named(text)
    from shared import bootstrap
    from shared.postures import summaries

    table = bootstrap.table("posture")
    found = [each.cluster for each in summaries(table) if str(each.cluster).lower() == text.lower()]
    if not found:
        raise InputError(f"{text[:200]!r} has not been looked at: give its ARM id, or see `fipswarden posture`")
    if len(found) > 1:
        ids = ", ".join(each.arm_id for each in found)
        raise InputError(f"{text[:200]!r} is not one cluster but {len(found)}: give the ARM id, one of {ids}")
    return found[0]


def well_named(text: str) -> None:
    """Raise InputError for a text that names no cluster, whatever there is: before any setting is asked for."""
    if not text.startswith("/") and text.count("/") != 1:
        raise InputError(f"{text[:200]!r} is neither group/name, as `posture` prints it, nor a cluster's ARM id")


def is_watched(cluster: ClusterId) -> bool:
    """Say whether the app looks after a cluster's subscription; raises ConfigError while the setting has a fault."""
    from shared.config import read_reach

    _, subscriptions = read_reach(os.environ)
    return not subscriptions or cluster.subscription in subscriptions


def ours(cluster: ClusterId) -> ClusterId:
    """Return a cluster that the app looks after; raises InputError for another one."""
    if not is_watched(cluster):
        raise InputError(not_watched(cluster))
    return cluster


def not_watched(cluster: ClusterId) -> str:
    """Say why the app does not look at a cluster of a subscription that is not its to look after."""
    return f"{cluster} is not looked at: FIPSWARDEN_SUBSCRIPTIONS leaves out {cluster.subscription}"
