"""What the resync tells people: what of the fleet nobody can see, and that the policy can't be used."""

from collections.abc import Collection, Mapping
from datetime import datetime

from shared.coverage import NOT_COVERED
from shared.domain.alert import Alert
from shared.domain.codec import fingerprint
from shared.domain.model import Unreadable
from shared.domain.wording import count

_EXPLAINED = 10
"""Of how many subscriptions that can't be read an alert says why."""
_NAMED = 20
"""How many subscriptions an alert names that nobody looks at."""


def coverage_alert(unreadable: Mapping[str, Unreadable], now: datetime) -> Alert:
    """Tell of all of them at once: there may be hundreds. One that passes by itself makes no new alert of the day."""
    lasting = sorted(name for name, why in unreadable.items() if not why.retry_after)
    named = (lasting + sorted({*unreadable} - {*lasting}))[:_EXPLAINED]
    more = f" And {len(unreadable) - len(named)} more." if len(unreadable) > len(named) else ""
    remedy = (
        "Assign the role `fipswarden reader` to the app's identity there, or take them out of the setting "
        "FIPSWARDEN_SUBSCRIPTIONS."
        if lasting
        else "The next resync tries again."
    )
    reasons = " ".join(f"{name}: {unreadable[name].message}" for name in named)
    text = f"{reasons}{more} Whatever clusters are there count as unknown. {remedy}"
    title = f"{count(len(unreadable), 'subscription')} can't be read: what is there is not known"
    key = f"coverage:{fingerprint(lasting)}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "warning", "CoverageUnknown", title, text, now)


def missed_alert(missed: Collection[str], now: datetime) -> Alert:
    """Tell of subscriptions that the policy covers and nobody looks at."""
    names = f"{', '.join(sorted(missed)[:_NAMED])}{' and more' if len(missed) > _NAMED else ''}"
    text = f"{names}. Whatever clusters they have count as unknown. Of each: {NOT_COVERED.message}"
    are = "is" if len(missed) == 1 else "are"
    title = f"{count(len(missed), 'subscription')} in the policy's scope {are} not looked at"
    key = f"coverage:{fingerprint(sorted(missed))}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "warning", "CoverageUnknown", title, text, now)


def policy_alert(reason: str, message: str, now: datetime) -> Alert:
    """Tell that the policy or the exemptions can't be used; once a day of the same fault."""
    text = f"{message} Until it is mended, nothing is remediated."
    key = f"policy:{fingerprint(message)}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "critical", reason, "The policy can't be used", text, now)
