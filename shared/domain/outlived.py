"""What time alone makes of findings: unknown, where the proof, exemption or certificate behind them has ended."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from shared.domain.model import ComplianceState as State
from shared.domain.modules import Standing, ends
from shared.domain.verdicts import Judgement, ModulesSeen

PROOF_EXPIRED, PROOF_AHEAD = "ProofExpired", "ProofAhead"
EXEMPTION_ENDED, CERTIFICATE_ENDED = "ExemptionEnded", "CertificateEnded"
ENDED = (PROOF_EXPIRED, PROOF_AHEAD, EXEMPTION_ENDED, CERTIFICATE_ENDED)
"""The reasons of what time alone has made unknown."""
GRACE = timedelta(hours=1)
"""How long after a proof's end a report still goes by it: the look that renews it may be on its way."""
_UNASKED = ("NoNodes", "Stopped")
"""Reasons for which a pool needs no proof: there is nobody to ask."""


def lasting(
    found: Judgement, now: datetime, modules: ModulesSeen | None, asked: datetime | None, expires: datetime | None
) -> Judgement:
    """Return a pool's finding as it has to be called at a time, by its modules and by when its nodes were asked."""
    match found.check, found.state:
        case _, State.EXEMPT:
            return unexcused(found, now)
        case "modules", State.COMPLIANT if modules:
            return _certified(found, modules)
        case "proof", State.COMPLIANT if found.reason not in _UNASKED:
            return _proven(found, now, asked, expires)
        case _:
            return found


def _proven(found: Judgement, now: datetime, asked: datetime | None, expires: datetime | None) -> Judgement:
    if asked and asked > now + GRACE:
        message = f"The nodes' proof is of {asked:%Y-%m-%d %H:%M} UTC, which is still to come: it proves nothing."
        return replace(found, state=State.UNKNOWN, reason=PROOF_AHEAD, message=message)
    if expires and now <= expires + GRACE:
        return found
    message = (
        f"The nodes' proof ended at {expires:%Y-%m-%d %H:%M} UTC, and no record holds a newer one."
        if expires
        else "No record says when the nodes' proof ends."
    )
    return replace(found, state=State.UNKNOWN, reason=PROOF_EXPIRED, message=message, since=expires or found.since)


def _certified(found: Judgement, modules: ModulesSeen) -> Judgement:
    """Return a finding that says that modules are validated, as long as their certificates last."""
    if modules.standing is Standing.ACTIVE:
        return found
    past = [one for one in modules.certificates if one.standing is not Standing.ACTIVE]
    named = ", ".join(f"{one.number} is {one.standing}" for one in past)
    message = f"Not every certificate that was active when the pool was judged still is: {named}."
    ended = min((day for one in past if (day := ends(one))), default=None)
    since = datetime.combine(ended, time(), UTC) if ended else found.since
    return replace(found, state=State.UNKNOWN, reason=CERTIFICATE_ENDED, message=message, since=since)


def unexcused(found: Judgement, now: datetime) -> Judgement:
    """Return a finding as it has to be called at a time: unknown, where the exemption that excuses it has ended."""
    ends = found.exempt_until
    if found.state is not State.EXEMPT or (ends and now < ends):
        return found
    message = (
        f"The exemption `{found.exemption}` ended at {ends:%Y-%m-%d %H:%M} UTC, and nobody has judged since."
        if ends
        else "No record says when its exemption ends."
    )
    return replace(found, state=State.UNKNOWN, reason=EXEMPTION_ENDED, message=message, since=ends or found.since)
