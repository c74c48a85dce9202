"""What the app did for the pools of a cluster, put together from intents, outcomes and parts of replacements."""

from dataclasses import dataclass, field, replace

from shared.domain.assessed import Source
from shared.domain.attempts import Attempt, Step
from shared.domain.bodies import Intent, Outcome, Part, ReplacementPart
from shared.domain.changes import Change, OpenFindings, parted
from shared.domain.planned import Method


@dataclass(slots=True)
class Acting:
    """The attempts so far; what is new of one is told of the open findings of its pool."""

    _open: OpenFindings
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """By the id of the intent."""
    _running: dict[str, set[str]] = field(default_factory=dict)
    """By pool: the attempts that have not ended."""
    _twins: dict[str, str] = field(default_factory=dict)
    """Pools that are replaced, and their twins."""

    def intent(self, said: Intent, intent: str, source: Source) -> tuple[Change, ...]:
        """Take in what is about to be done."""
        self._open.acting.add(said.pool)
        twin = ""
        if said.method in (Method.CREATE, Method.ADOPT):
            self._twins[said.pool] = said.target
        elif said.method is Method.DELETE and said.target in ("", said.pool):
            twin = self._open.replaced[said.pool] = self._twins.get(said.pool, "")
        attempt = Attempt(
            *(said.pool, said.action, said.mode, said.rule, source), method=said.method, target=said.target, twin=twin
        )
        self.attempts[intent] = attempt
        self._running.setdefault(said.pool, set()).add(intent)
        return self._open.acted(said.pool, f"The app begins: {attempt.what}.", source)

    def outcome(self, said: Outcome, source: Source) -> tuple[Change, ...]:
        """Take in what became of an intent."""
        step = Step(said.outcome, said.message, said.correlation_id, source)
        self._step(said.intent, step)
        # A replacement goes on when the operation by which its twin was made has ended.
        if not self._running.get(said.pool):
            self._open.acting.discard(said.pool)
        return self._acted(said.intent, said.pool, step)

    def part(self, said: ReplacementPart, source: Source) -> tuple[Change, ...]:
        """Take in a part of a replacement that is no operation of ARM's."""
        step = Step(said.stage, parted(said), "", source)
        self._twins[said.pool] = said.twin
        self._step(said.replacement, step)
        if said.stage is Part.ENDED:
            self._open.acting.discard(said.pool)
        else:
            self._open.acting.add(said.pool)
        return self._acted(said.replacement, said.pool, step)

    def _acted(self, intent: str, pool: str, step: Step) -> tuple[Change, ...]:
        what = f"{self.attempts[intent].what}: " if intent in self.attempts else ""
        return self._open.acted(pool, f"The app's remediation, {what}{step.said}", step.source)

    def _step(self, intent: str, step: Step) -> None:
        if was := self.attempts.get(intent):
            now = self.attempts[intent] = replace(was, steps=(*was.steps, step))
            running = self._running[was.pool]
            (running.discard if now.ended else running.add)(intent)
