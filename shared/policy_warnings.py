"""What is probably not meant in the rulebook, as the last resync found it over the whole fleet: told once, and kept."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.alert import Alert
from shared.domain.codec import fingerprint, plain, typed
from shared.domain.fleet_warnings import FleetSeen, fleet_warnings
from shared.domain.policy_warnings import rulebook_warnings
from shared.domain.rulebook import Rulebook
from shared.ports import Alerts, Put, Table

_PARTITION, _KEY = "rulebook", "warnings"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The document of the row."""

    rules: str
    """Hash of both texts."""
    warnings: tuple[str, ...]


_NOTHING = _Kept("", ())


def kept_warnings(table: Table, rules: Rulebook) -> tuple[str, ...]:
    """Return what the last resync found of these very texts."""
    row = table.read(_PARTITION, _KEY)
    kept = typed(_Kept, row.doc) if row else _NOTHING
    return kept.warnings if kept.rules == rules.hash else ()


def tell_warnings(table: Table, alerts: Alerts, rules: Rulebook, seen: FleetSeen, now: datetime) -> None:
    """Tell people what is new in it, and keep it for `health`; a fleet that was seen in part changes nothing."""
    if not seen.whole or rules.trouble:
        return
    row = table.read(_PARTITION, _KEY)
    found = _Kept(rules.hash, (*fleet_warnings(rules, seen), *rulebook_warnings(rules, now)))
    before = typed(_Kept, row.doc) if row else _NOTHING
    if new := [one for one in found.warnings if one not in before.warnings]:
        key = f"warnings:{fingerprint(new)}:{now:%Y-%m-%d}"
        title = "The policy or its exemptions say what is probably not meant"
        alerts.send(Alert(key, "", "", "warning", "PolicyWarning", title, "; ".join(new), now))
    if found != before:
        # A lost race leaves what another resync found.
        table.write(_PARTITION, Put(_KEY, row.etag if row else None, {}, plain(found)))
