"""The chain of what belongs to no cluster: texts that came into use, and what persons decided for the fleet.

Decisions wait in the budget's document, written there together with what they change, until they are recorded. The
head never moves past a decision that still waits: nothing is lost, and nothing is recorded twice, whoever dies or
comes second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.budget import change, read_budget
from shared.chain import Chain
from shared.domain.bodies import ExemptionsText, Origin, PolicyText, RuleText, Who
from shared.domain.budget import Budget
from shared.domain.codec import plain, typed
from shared.domain.records import FLEET, Head, Record, RecordKind
from shared.heads import KEYS, PARTITION
from shared.ports import Clock, Evidence, Put, Row, Table

_KEY = KEYS[FLEET]
_RACES = 4


@dataclass(frozen=True, slots=True)
class InUse:
    """A text that was recorded last."""

    hash: str = ""
    """Empty: none was."""
    seq: int = 0
    """Number of its record."""


@dataclass(frozen=True, slots=True)
class FleetRow:
    """The document of the chain's row."""

    head: Head = field(default_factory=Head)
    policy: InUse = field(default_factory=InUse)
    exemptions: InUse = field(default_factory=InUse)


@dataclass(frozen=True, slots=True)
class FleetChain:
    """What it takes to record; any number of workers may at once."""

    table: Table
    """`rollout`: the budget and this chain's row."""
    evidence: Evidence
    clock: Clock
    who: Who

    def decisions(self, cause: str) -> None:
        """Record the decisions that wait; raises what the storage raises: then they go on waiting."""
        # The row first: a decision that waits after that was recorded beyond this head, if at all.
        row, chain = self._begin(cause)
        waiting = read_budget(self.table).decisions
        if not waiting:
            return
        chain.catch_up()
        for one in waiting:
            chain.append(RecordKind.APPROVAL, self.clock.now(), one, one.id)
        self._end(row, chain)

    def texts(self, policy: PolicyText, exemptions: ExemptionsText) -> None:
        """Record texts that come into use, before anything is judged by them; raises what the storage raises."""
        row, chain = self._begin("another text is used")
        known = _document(row)
        if (known.policy.hash, known.exemptions.hash) == (policy.hash, exemptions.hash):
            return
        known = _used(known, chain.catch_up())
        self._text(chain, RecordKind.POLICY, policy, known.policy)
        self._text(chain, RecordKind.EXEMPTION, exemptions, known.exemptions)
        self._end(row, chain)

    def _begin(self, cause: str) -> tuple[Row | None, Chain]:
        row = self.table.read(PARTITION, _KEY)
        return row, Chain(self.evidence, FLEET, _document(row).head, Origin(cause=cause, who=self.who))

    def _text(self, chain: Chain, kind: RecordKind, text: RuleText, known: InUse) -> None:
        if text.hash != known.hash:
            # Whoever sees the same text in use before this one makes the same id: only one of them writes.
            record_id = f"{kind}.{text.hash or 'none'}.{known.seq}"
            chain.append(kind, self.clock.now(), replace(text, before=known.hash), record_id)

    def _end(self, row: Row | None, chain: Chain) -> None:
        """Take every decision that is recorded by now out of those that wait, and only then move the head."""
        recorded = {record.id for record in chain.passed}

        def left(budget: Budget) -> Budget:
            return replace(budget, decisions=tuple(one for one in budget.decisions if one.id not in recorded))

        change(self.table, left)
        after = replace(_used(_document(row), chain.passed), head=chain.head)
        for _ in range(_RACES):
            if self.table.write(PARTITION, Put(_KEY, row.etag if row else None, {}, plain(after))):
                return
            row = self.table.read(PARTITION, _KEY)
            if _document(row).head.seq >= chain.head.seq:
                return
        # The head stays where another worker moved it: what is beyond is found again.


def _document(row: Row | None) -> FleetRow:
    return typed(FleetRow, row.doc) if row else FleetRow()


def _used(known: FleetRow, passed: Sequence[Record]) -> FleetRow:
    """Return the row with the texts that were recorded beyond its head."""
    for record in passed:
        used = InUse(str(record.payload.get("hash", "")), record.seq)
        if record.kind is RecordKind.POLICY:
            known = replace(known, policy=used)
        elif record.kind is RecordKind.EXEMPTION:
            known = replace(known, exemptions=used)
    return known
