"""The rulebook as it is now, or the last good one: a broken policy or exemptions file disrupts nothing.

The last pair of texts that could be used is kept in the app's tables, for the time in which today's can't be.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from shared.domain.bodies import ExemptionsText, PolicyText
from shared.domain.codec import plain, typed
from shared.domain.model import Unreadable
from shared.domain.policy import Policy
from shared.domain.policy_reader import Source, read_policy, read_rulebook
from shared.domain.rulebook import Rulebook
from shared.domain.scope import unresolved
from shared.errors import ConfigError, InputError
from shared.ports import Put, Table, Text

_KEY, _APPROVED = "rulebook", "approved"


@dataclass(frozen=True, slots=True)
class _Texts:
    """The document of the row that keeps the last good pair."""

    policy: str
    exemptions: str


def last_used(table: Table) -> Rulebook:
    """Return the pair that the app used last, for a command that explains what the app does.

    Its management groups are not resolved: until they are, they hold nothing. Raises InputError if the app never used
    a pair, and ConfigError if this version can't read it.
    """
    row = table.read(_KEY, _KEY)
    if row is None:
        raise InputError("the app has used no policy yet: wait for its first look, or name a policy's file")
    texts = typed(_Texts, row.doc)
    excused = Source("the exemptions that the app used last", texts.exemptions) if texts.exemptions else None
    return read_rulebook(Source("the policy that the app used last", texts.policy), excused)


def used_at(table: Table) -> datetime | None:
    """Return when the app began to use the pair that it used last, by the table's clock; None if it never used one."""
    row = table.read(_KEY, _KEY)
    return row.at if row else None


def keep_approved(table: Table, policy: str) -> None:
    """Keep the text of a policy that a person has just approved, to compare with once another one waits."""
    row = table.read(_KEY, _APPROVED)
    # A lost race leaves what somebody else has just approved.
    table.write(_KEY, Put(_APPROVED, row.etag if row else None, {}, plain(_Texts(policy, ""))))


def last_approved(table: Table) -> Policy | None:
    """Return the policy that a person approved last, whether or not that still holds; None if none was kept."""
    row = table.read(_KEY, _APPROVED)
    return read_policy(typed(_Texts, row.doc).policy, "the policy approved last") if row else None


class Rulebooks:
    """shared.ports.Policies: reads both files, and falls back to the last good ones."""

    def __init__(
        self,
        policy: Text,
        exemptions: Text | None,
        table: Table,
        resolve: Callable[[Policy], Policy | Unreadable] = unresolved,
        warn: Callable[[Policy], tuple[str, ...]] = lambda _: (),
        record: Callable[[PolicyText, ExemptionsText], None] = lambda *_: None,
    ) -> None:
        """`exemptions` is None where there are none; `resolve` turns management groups into subscriptions.

        `warn` returns what is probably not meant, of a policy that was resolved. `record` writes the evidence of texts
        that come into use; what it raises, `load` raises: nothing is judged by a text that no record holds.
        """
        self._policy, self._exemptions, self._table, self._resolve = policy, exemptions, table, resolve
        self._warn, self._record = warn, record
        self._kept = ""
        # Today's texts and the last good ones: parsing takes far longer than comparing, and looks load again and again.
        self._parse = lru_cache(maxsize=2)(self._parsed)

    def load(self) -> Rulebook | Unreadable:
        """Return what holds now; Unreadable if today's texts can't be used and there never were good ones."""
        texts = self._read()
        found = texts if isinstance(texts, Unreadable) else self._book(texts)
        if isinstance(found, Unreadable):
            return self._last_good(found)
        if isinstance(texts, _Texts) and found.hash != self._kept:
            self._used(texts, found)
            self._keep(texts)
            self._kept = found.hash
        return found

    def _read(self) -> _Texts | Unreadable:
        policy = self._policy.read()
        exemptions = self._exemptions.read() if self._exemptions else ""
        for text in (policy, exemptions):
            if isinstance(text, Unreadable):
                return text
        return _Texts(str(policy), str(exemptions))

    def _book(self, texts: _Texts) -> Rulebook | Unreadable:
        found = self._parse(texts)
        if isinstance(found, Unreadable):
            return found
        resolved = self._resolve(found.policy)
        if isinstance(resolved, Unreadable):
            return resolved
        return replace(found, policy=resolved, warnings=self._warn(found.policy))

    def _parsed(self, texts: _Texts) -> Rulebook | Unreadable:
        """Read both texts; what depends on them alone, and not on what Azure holds now."""
        excused = Source(self._exemptions.name, texts.exemptions) if self._exemptions else None
        try:
            return read_rulebook(Source(self._policy.name, texts.policy), excused)
        except ConfigError as error:
            return Unreadable("PolicyInvalid", str(error), None)

    def _last_good(self, why: Unreadable) -> Rulebook | Unreadable:
        row = self._table.read(_KEY, _KEY)
        if row is None:
            return why
        found = self._book(typed(_Texts, row.doc))
        if isinstance(found, Unreadable):
            return why
        trouble = f"{why.message} Judged by the last good policy and exemptions; nothing is changed until it is mended."
        return replace(found, trouble=trouble)

    def _used(self, texts: _Texts, found: Rulebook) -> None:
        where = self._exemptions.name if self._exemptions else ""
        self._record(
            PolicyText(found.policy.hash, texts.policy, self._policy.name),
            ExemptionsText(found.exemptions.hash, texts.exemptions, where),
        )

    def _keep(self, texts: _Texts) -> None:
        row = self._table.read(_KEY, _KEY)
        if row is None or row.doc != plain(texts):
            # A lost race leaves another worker's good pair.
            self._table.write(_KEY, Put(_KEY, row.etag if row else None, {}, plain(texts)))
