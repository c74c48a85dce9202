"""Proofs, verdicts that know of them or not, and time, in any order: all reports tell the same, and never too well."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from html import unescape
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.assessment import Assessment
from shared.domain.bodies import StrayProof
from shared.domain.codec import plain
from shared.domain.evaluate import cluster_findings
from shared.domain.fleet_assessment import Asked
from shared.domain.judged import judgement as judged
from shared.domain.memory import Memory
from shared.domain.model import OPEN, ComplianceState, ProofLevel, Unreadable
from shared.domain.pack import Scope
from shared.domain.policy_reader import read_exemptions, read_policy
from shared.domain.proven import Strays
from shared.domain.records import MANIFESTS, Head, RecordKind
from shared.domain.rulebook import Rulebook
from shared.domain.verdicts import Judgement
from shared.domain.verification import record_name
from shared.reporting import assess
from shared.reports.formats import FORMATS
from tests.builders import NOW
from tests.properties.strategies import cases
from tests.recorded import DAY, ON, PAY, POLICY, PROVEN, UNREAD, Recorded, judgement, observation, read_of, verdict

S = ComplianceState
HOUR = timedelta(hours=1)
POOLS = ("apps", "jobs")
"""Both are there all the time, but where the second is deleted."""
EXCUSED = judgement("proof", S.EXEMPT, "NodesMissing", "Excused.")
OF_POOL: dict[str, tuple[dict[str, Any], Judgement]] = {
    "yes": ({}, PROVEN),
    "no": ({"disagreeing": ("aks-1",)}, judgement("proof", S.INCONSISTENT, "NodesDisagree", "aks-1 says no.")),
    "silent": ({"missing": 1}, judgement("proof", S.UNKNOWN, "NodesUnanswered", "1 of 3 is silent.")),
    "excused": ({"missing": 2}, replace(EXCUSED, exemption="legacy", exempt_until=NOW + 2 * DAY)),
    "unread": ({"unreadable": "Forbidden: no", "nodes": 0}, judgement("proof", S.UNKNOWN, "Forbidden", "no")),
}
"""What nodes of a pool may say, and what a verdict makes of it."""
OUTSIDE: dict[str, dict[str, Any]] = {
    "yes": {"nodes": 3},
    "none": {"nodes": 0},
    "plain": {"nodes": 3, "disabled": 3, "names": ("aks-x",)},
    "denying": {"nodes": 3, "disabled": 1, "denying": 1, "names": ("aks-y",)},
    "silent": {"nodes": 3, "missing": 1, "silent": "aks-x: nobody answered"},
    "barred": {"nodes": 3, "unreadable": "WayNotAllowed: not that way"},
}
"""What nodes outside every pool may say."""
EXEMPTIONS = """\
version: 1
exemptions:
  - name: karpenter
    match: { clusters: [aks-pay] }
    covers: [NodesOutsidePools]
    category: waiver
    reason: the vendor
    owner: =payments
    approver: risk board
    ticket: RISK-17
    created: 2026-11-01
    expires: 2026-11-24
"""


@dataclass(frozen=True)
class Event:
    """A record that is added after a while."""

    of: str
    """A pool, empty for nodes outside every pool, or `cluster`: an observation."""
    what: str
    after: timedelta
    new_look: bool = True
    back: tuple[int, int, int] = (0, 0, 0)
    """How many records of each pool, and of nodes outside, an observation does not know."""


GAPS = st.sampled_from([HOUR / 6, 5 * HOUR, 27 * HOUR])
SEEN = (*["well"] * 8, "unreadable", "gone", "excluded", "without", "manifest")
BACK = st.tuples(*[st.sampled_from([0, 1, 1, 2])] * 3)
SAID = st.sampled_from([(of, what) for of in POOLS for what in OF_POOL] + [("", what) for what in OUTSIDE] * 2)
ONE = st.builds(lambda said, after, new: (Event(said[0], said[1], after, new),), SAID, GAPS, st.booleans()) | st.builds(
    lambda what, after, new, back: (Event("cluster", what, after, new, back),),
    st.sampled_from(SEEN),
    GAPS,
    st.booleans(),
    BACK,
)
DEAD = st.builds(
    lambda said, after: (
        Event(said[0], "yes", after),
        Event("cluster", "well", after),
        Event(said[0], said[1], after),
        Event("cluster", "well", after, back=(1, 1, 1)),
    ),
    SAID,
    GAPS,
)
"""A look that dies after a proof, and one that knows nothing of it but what was known before."""
LOST = st.builds(
    lambda said, after, back: (
        Event(said[0], "yes", after),
        Event("cluster", "well", after),
        Event("cluster", "unreadable", after),
        Event(said[0], said[1], after),
        *(Event("cluster", "unreadable", after, back=(back, back, back)) for _ in range(back)),
    ),
    SAID | st.sampled_from([*((pool, "no") for pool in POOLS), ("", "plain")]),
    GAPS,
    st.sampled_from([0, 1, 2]),
)
"""A look that dies after a proof, while those before it, and so many behind it, could not read the cluster."""
EVENTS = st.lists(ONE | ONE | DEAD | LOST, min_size=1, max_size=7).map(
    lambda found: [one for each in found for one in each]
)


@cache
def rules() -> Rulebook:
    """What the texts of the records say."""
    return Rulebook(read_policy(POLICY), read_exemptions(EXEMPTIONS))


@dataclass
class Chain:
    """The chain of one cluster as it is written, and what is true of it."""

    old: bool
    """Its observations don't say what is known of nodes outside every pool."""
    made: Recorded = field(default_factory=Recorded)
    said: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """What nodes said, by number of record."""
    known: dict[str, int] = field(default_factory=dict)
    """The last of them that the last observation knows."""
    judged: dict[str, int] = field(default_factory=dict)
    """The last of them that the last observation knows that could read the cluster, of the pools that it shows."""
    lost: bool = False
    """The last observation could not read it."""
    strays: dict[int, Strays] = field(default_factory=dict)
    times: dict[int, datetime] = field(default_factory=dict)
    looks: int = 0
    asked: str = ""
    """The look that asked the nodes outside every pool last: what it sees itself, it knows."""
    saw: str = ""
    """The look of the last observation."""

    def __post_init__(self) -> None:
        self.made.at = NOW - DAY
        self.made.texts(POLICY, EXEMPTIONS)
        self._prove("apps", "yes")

    def add(self, event: Event) -> None:
        self.made.at += event.after
        self.looks += event.new_look
        self.made.origin = replace(self.made.origin, look=f"look-{self.looks}")
        if event.what == "manifest":
            self.made.anchor(self.made.at, unreadSubscriptions=0, unseen=0)
        elif event.of == "cluster":
            self._see(event.what, dict(zip((*POOLS, ""), event.back, strict=True)))
        else:
            self._prove(event.of, event.what)

    def _prove(self, of: str, what: str) -> None:
        seq = self.made.heads.get(PAY.path, Head()).seq + 1
        self.said.setdefault(of, []).append((seq, what))
        self.times[seq] = self.made.at
        if of:
            self.made.prove(PAY, of, self.made.at, **OF_POOL[what][0])
            return
        self.asked = self.made.origin.look
        self.strays[seq] = Strays(self.made.at, level=ProofLevel.KERNEL, **OUTSIDE[what])
        found = StrayProof(level=ProofLevel.KERNEL, method="m", way="w", strays=self.strays[seq], nodes=())
        self.made.add(PAY, RecordKind.PROOF, {**plain(self.made.origin), **plain(found)})

    def _see(self, what: str, back: dict[str, int]) -> None:
        self.saw = self.made.origin.look
        if what == "gone":
            self.said.clear()
        if what == "without":
            self.said.pop("jobs", None)
        names = {"well": POOLS, "without": POOLS[:1], "unreadable": POOLS}.get(what, ())
        known = {of: self._known(of, back[of]) for of in (*POOLS, "")}
        self.known = {of: seq for of, (seq, _) in known.items()}
        self.made.proven = {(PAY, of): (seq, self.times[seq]) for of, (seq, _) in known.items() if of and seq}
        read = read_of(PAY, *names)
        lost = self.lost = what == "unreadable"
        if not lost:
            self.judged = {name: self.known[name] for name in names}
        pools = [
            verdict(name, UNREAD, read=False) if lost else verdict(name, ON, self._judged(known[name][1]))
            for name in names
        ]
        strays, now = self.strays.get(known[""][0]), self.made.at
        found = tuple(map(judged, cluster_findings(read, Memory(strays=strays), rules(), now))) if names else ()
        pools = [
            one if known[one.pool][0] else replace(one, effectiveness=replace(one.effectiveness, at=None))
            for one in pools
        ]
        shown: Any = Unreadable("Unreachable", "ARM did not answer.", None) if lost else read
        seen = observation(
            None if what == "gone" else shown, pools, *([UNREAD] if lost else found), in_scope=what != "excluded"
        )
        number = 0 if self.old else known[""][0]
        self.made.see(PAY, replace(seen, posture=replace(seen.posture, strays=number)))

    def _known(self, of: str, back: int) -> tuple[int, str]:
        said = [(0, ""), *self.said.get(of, [])]
        # What was known is not forgotten.
        before = next((one for one in said if one[0] == self.known.get(of)), said[0])
        return max(before, said[max(-1 - back, -len(said))])

    def _judged(self, what: str) -> Judgement:
        found = OF_POOL[what][1] if what else judgement("proof", S.UNKNOWN, "ProofMissing")
        over = found.exempt_until and self.made.at >= found.exempt_until
        return replace(found, state=S.UNKNOWN, exemption="", exempt_until=None) if over else found

    def assessed(self, later: timedelta, *, part: bool) -> Assessment:
        """What a report says of it a while later, or of the part of it that begins behind its first manifest."""
        self.made.at += later
        self.made.anchor(self.made.at, unreadSubscriptions=0, unseen=0)
        if part:
            body = json.loads(self.made.files[record_name(MANIFESTS, 1)])
            for seq in range(1, body["chains"][PAY.path]["seq"] + 1):
                del self.made.files[record_name(PAY.path, seq)]
        return assess(self.made, Asked(self.made.at + HOUR, scope=Scope(after=int(part)), heads=self.made.heads))

    def belied(self) -> Iterator[str]:
        """Yield the pools whose nodes have said no, or not all yes, since what the last observation knows."""
        for pool in POOLS:
            said = self.said.get(pool, [(0, "yes")])[-1]
            if said[0] > self.known.get(pool, 0) and said[1] != "yes":
                yield pool

    def lying(self) -> Iterator[str]:
        """Yield the pools whose nodes have said no since the last look that could read them, and none could after."""
        for pool, known in self.judged.items() if self.lost else ():
            if any(seq > known and what == "no" for seq, what in self.said.get(pool, [])):
                yield pool

    def belied_outside(self) -> bool:
        """Say the same of nodes outside every pool, where the last observation says what it knows of them."""
        seq, what = self.said.get("", [(0, "none")])[-1]
        known = self.old or self.asked == self.saw or seq <= self.known.get("", 0)
        return not known and self.known.get("", 0) > 0 and what not in ("yes", "none")


def told(events: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[str, str]]:
    """What a SIEM holds for open, of each resource and check, once it has all events; each has to make sense to it."""
    held: dict[tuple[str, str], tuple[str, str, str]] = {}
    for event in sorted(events, key=lambda one: one["time"]):
        uid, check = event["finding_info"]["uid"], event["compliance"]["checks"][0]["name"]
        key = event["resources"][0]["name"], check
        opened = held.get(key, ("", "", ""))[0]
        assert (event["activity_name"] == "Create") == (not opened), (event["activity_name"], key, opened)
        assert opened in ("", uid)
        if event["activity_name"] == "Close":
            del held[key]
        else:
            held[key] = uid, event["unmapped"]["state"], event["status_code"]
    return {key: found[1:] for key, found in held.items()}


def shown(found: Assessment) -> dict[tuple[str, str], tuple[str, str]]:
    """The open findings as all other reports show them."""
    return {
        (f"{one.cluster.cluster}/{one.pool.name}" if one.pool else str(one.cluster.cluster), one.judgement.check): (
            one.judgement.state.value,
            one.judgement.reason,
        )
        for one in found.open()
    }


@given(EVENTS, st.sampled_from([HOUR, 30 * HOUR, 96 * HOUR]), st.booleans(), st.booleans())
@settings(max_examples=cases(150), deadline=None)
def test_every_report_tells_the_same_and_never_too_well(
    events: list[Event],
    later: timedelta,
    old: bool,
    part: bool,
) -> None:
    chain = Chain(old)
    for event in events:
        chain.add(event)
    found = chain.assessed(later, part=part)
    texts = {form: unescape("".join(writer(found))) for form, writer in FORMATS.items()}
    made = [json.loads(line) for line in texts["ocsf"].splitlines()]

    assert max(Counter(one["metadata"]["uid"] for one in made).values(), default=1) == 1
    siem = told([one for one in made if "resources" in one and one["status_code"] not in ("EvidenceFault", "NotKnown")])
    open_ = shown(found)
    (cluster,) = found.clusters
    unread = cluster.unreadable is not None
    assert siem == open_
    for form, text in texts.items():
        assert [reason for _, reason in open_.values() if reason not in text] == [], form
    belied = {*chain.belied()} if cluster.judged and cluster.observed else set()
    assert [pool.name for pool in cluster.pools if pool.name in belied and pool.state is S.COMPLIANT] == []
    if not part:
        known = {pool.name: pool.known for pool in cluster.pools}
        assert [pool for pool in chain.lying() if known[pool] is not S.INCONSISTENT] == []
    # A part may begin behind what nodes outside every pool said.
    if cluster.judged and cluster.pools and not (unread or part) and chain.belied_outside():
        assert [one.check for one in cluster.findings if one.state in OPEN] != []
