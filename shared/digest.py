"""The daily word on the fleet: how many clusters are in which state, as one alert a day."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from shared.domain.alert import Alert
from shared.domain.budget import Counts, named
from shared.domain.model import WORST_FIRST, ComplianceState, Unreadable
from shared.domain.wording import count
from shared.ports import Table
from shared.postures import summaries


def daily_digest(
    postures: Table,
    unreadable: Mapping[str, Unreadable] | Unreadable,
    counts: Counts | None,
    watches: Callable[[str], bool],
    now: datetime,
) -> Alert:
    """Count the clusters in scope by state; sent twice on one day, it is told once.

    `unreadable` is why subscriptions can't be read, by subscription, or why nobody could be asked for that; `counts`
    what the last resync saw; `watches` says which subscriptions are the app's to look after. It is never good while
    there is something that is not known: a verdict that nobody renews counts as unknown.
    """
    states: Counter[ComplianceState] = Counter()
    overdue = 0
    for summary in summaries(postures):
        if summary.in_scope and not summary.gone and watches(summary.cluster.subscription):
            late = summary.overdue(now)
            overdue += late
            states[ComplianceState.UNKNOWN if late else summary.state] += 1
    by_state = [f"{states[state]} {state.value.replace('_', '-')}" for state in WORST_FIRST if states[state]]
    total = sum(states.values())
    bad = (ComplianceState.INCONSISTENT, ComplianceState.NON_COMPLIANT, ComplianceState.UNKNOWN)
    unknown = (_blind(unreadable), unseen(counts, now))
    blind = "".join(f" {said}" for said in unknown if said)
    severity = "warning" if blind or any(states[state] for state in bad) else "good" if total else "info"
    text = f"{count(total, 'cluster')} in scope: {', '.join(by_state) or 'none has been looked at yet'}."
    if overdue:
        counts_as = "counts" if overdue == 1 else "count"
        text += f" {overdue} of them {counts_as} as unknown because the looks that were due have not come."
    return Alert(f"daily:{now:%Y-%m-%d}", "", "", severity, "DailyDigest", "FIPS on AKS, daily", text + blind, now)


def unseen(counts: Counts | None, now: datetime) -> str:
    """Say what the last resync saw that nobody has judged, or that there was none lately; empty if all was seen."""
    if counts is None or not counts.lately(now):
        when = f" since {counts.at:%Y-%m-%d %H:%M} UTC" if counts and counts.at <= now else ""
        return f"There has been no resync{when}: whether there are more clusters is not known."
    if not counts.blind:
        return ""
    what = count(counts.blind, "cluster or subscription", "clusters or subscriptions")
    unknown = "it counts as unknown" if counts.blind == 1 else "they count as unknown"
    return f"{what} could not be judged at all{named(counts)}: {unknown}."


def _blind(unreadable: Mapping[str, Unreadable] | Unreadable) -> str:
    if isinstance(unreadable, Unreadable):
        return f"Whether all subscriptions can be read is not known: {unreadable.message}"
    if not unreadable:
        return ""
    names = ", ".join(sorted(unreadable)[:5])
    more = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
    return f"{count(len(unreadable), 'subscription')} can't be read ({names}{more}): their clusters count as unknown."
