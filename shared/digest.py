"""The daily word on the fleet: how many clusters are in which state, as one alert a day."""

from collections import Counter
from datetime import datetime

from shared.domain.model import WORST_FIRST, Alert, ComplianceState
from shared.ports import Table
from shared.postures import summaries


def daily_digest(postures: Table, now: datetime) -> Alert:
    """Count the clusters in scope by state; sent twice on one day, it is told once."""
    states = Counter(summary.state for summary in summaries(postures) if summary.in_scope and not summary.gone)
    counts = [f"{states[state]} {state.value.replace('_', '-')}" for state in WORST_FIRST if states[state]]
    total = sum(states.values())
    bad = sum(states[state] for state in (ComplianceState.INCONSISTENT, ComplianceState.NON_COMPLIANT))
    severity = "warning" if bad or states[ComplianceState.UNKNOWN] else "good" if total else "info"
    text = f"{total} clusters in scope: {', '.join(counts) or 'none has been looked at yet'}."
    return Alert(f"daily:{now:%Y-%m-%d}", "", "", severity, "DailyDigest", "FIPS on AKS, daily", text, now)
