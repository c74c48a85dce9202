"""A fleet's evidence with everything in it that a report has to tell apart."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.domain.bodies import Intent, NodeProof, Observation, Origin, Outcome, PolicyText, RuleText
from shared.domain.codec import plain
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, ComplianceState, Mode, ProofLevel, Unreadable
from shared.domain.modules import edition, standing
from shared.domain.operation import OutcomeState
from shared.domain.planned import ActionKind, Deferral
from shared.domain.proven import Proof
from shared.domain.records import FLEET, Head, RecordKind
from shared.domain.verdicts import (
    Aspect,
    CertificateSeen,
    Effectiveness,
    Implementation,
    Judgement,
    ModulesSeen,
    Observed,
    Planned,
    PoolVerdict,
    Verdict,
)
from shared.domain.verification import record_name
from tests.builders import NOW, cluster, cluster_id, disabled, profile
from tests.stored import Stored

S = ComplianceState
PAY, MEDIA, LAB, OLD = (cluster_id(f"aks-{name}", f"rg-{name}") for name in ("pay", "media", "lab", "old"))
DAY = timedelta(days=1)
POLICY = "version: 1\nmode: enforce\nproof: { level: kernel, max_age: 3d, image: mcr.example.com/busybox:1 }\n"
EXEMPTIONS = """\
version: 1
exemptions:
  - name: legacy
    match: { pools: [legacy] }
    category: waiver
    reason: the vendor's driver does not load
    owner: =payments
    approver: risk board
    ticket: RISK-17
    created: 2026-11-01
    expires: 2026-12-24
"""
ORIGIN = Origin(
    look="look-1",
    cause="event",
    policy=hashlib.sha256(POLICY.encode()).hexdigest(),
    exemptions=hashlib.sha256(EXEMPTIONS.encode()).hexdigest(),
)


def judgement(
    check: str, state: ComplianceState, reason: str, message: str = "", since: datetime | None = NOW - 9 * DAY
) -> Judgement:
    """The result of one check."""
    aspect = Aspect.EFFECTIVENESS if check in ("proof", "strays") else Aspect.IMPLEMENTATION
    return Judgement(check, aspect, state, reason, message or f"{reason} was seen.", since)


ON = judgement("flag", S.COMPLIANT, "FipsEnabled")
OFF = judgement("flag", S.NON_COMPLIANT, "FipsDisabled", "enableFIPS is false: the pool runs a non-FIPS image.")
PROVEN = judgement("proof", S.COMPLIANT, "NodesProven")
LYING = judgement("proof", S.INCONSISTENT, "NodesDisagree", "1 of 3 nodes don't show it at level kernel.")
EXCUSED = replace(OFF, state=S.EXEMPT, message="Exempt until 2026-12-24 by `legacy` (waiver, =payments).")
UNREAD = judgement("readable", S.UNKNOWN, "Unreachable", "ARM did not answer.", NOW)


def modules(release: str = "Azure Linux 3.0") -> ModulesSeen:
    """What is known of a release's modules."""
    found = [one for one in edition().certificates if one.release == release]
    seen = tuple(
        CertificateSeen(
            *(one.module, one.number, one.standard, one.status, one.sunset, one.renewal),
            standing(one, NOW.date()),
            one.source,
        )
        for one in found
    )
    order = ("historical", "unknown", "active")
    worst = min((one.standing for one in seen), key=order.index)
    return ModulesSeen(edition().as_of, release, worst, seen)


def verdict(
    name: str,
    *findings: Judgement,
    release: str = "Azure Linux 3.0",
    read: bool = True,
    asked: datetime | None = NOW - DAY,
    max_age: timedelta | None = 3 * DAY,
) -> PoolVerdict:
    """The verdict on a pool; its state is the worst of the findings', its proof that of the time it was asked."""
    state = min((one.state for one in findings), key=tuple(S).index)
    own = [one for one in findings if one.aspect is Aspect.IMPLEMENTATION]
    enabled = not any(one.reason == "FipsDisabled" for one in findings)
    image = "AKSAzureLinux-V3gen2fips-202611.03.0" if enabled else "AKSAzureLinux-V3gen2-202611.03.0"
    said = Implementation(
        *(min((one.state for one in own), key=tuple(S).index, default=S.NOT_APPLICABLE), enabled, "Linux"),
        *("AzureLinux", image, "1.34.2", "Succeeded", f"etag-{name}"),
    )
    nodes = Effectiveness(
        next((one.state for one in findings if one.check == "proof"), S.NOT_APPLICABLE), asked, max_age=max_age
    )
    since = max(one.since or NOW for one in findings if one.state is state)
    return PoolVerdict(
        *(name, state, findings, Mode.ENFORCE, "default", 0, "prod", since),
        said if read else None,
        nodes,
        modules(release) if read else None,
        since,
    )


def observation(
    read: Cluster | Unreadable | None, pools: Sequence[PoolVerdict], *of_cluster: Judgement, **more: Any
) -> Observation:
    """A look's observation; without a cluster that it read, it is gone."""
    observed = Observed(
        read if isinstance(read, Cluster) else None, read if isinstance(read, Unreadable) else None, read is None
    )
    states = [*(one.state for one in pools), *(one.state for one in of_cluster)]
    state = min(states, key=tuple(S).index, default=S.NOT_APPLICABLE)
    made = Verdict(NOW, state, tuple(pools), of_cluster, more.get("in_scope", True))
    return Observation(observed, made, Planned(None, more.get("deferrals", ()), None))


class Recorded(Stored):
    """Evidence to which typed bodies are added."""

    def __init__(self) -> None:
        super().__init__()
        self.proven: dict[tuple[ClusterId, str], tuple[int, datetime]] = {}
        """Number and time of the last proof of a pool."""
        self.origin = ORIGIN

    def see(self, whose: ClusterId, seen: Observation) -> str:
        """Add an observation; verdicts that go by nodes name the last proof of their pools."""
        pools = tuple(self._by_proof(whose, one) for one in seen.posture.pools)
        seen = replace(seen, posture=replace(seen.posture, pools=pools))
        return self.add(whose, RecordKind.OBSERVATION, {**plain(self.origin), **plain(seen)})

    def _by_proof(self, whose: ClusterId, one: PoolVerdict) -> PoolVerdict:
        if (whose, one.pool) not in self.proven or one.effectiveness.at is None:
            return one
        number, at = self.proven[whose, one.pool]
        return replace(one, effectiveness=replace(one.effectiveness, at=at, record=number))

    def prove(self, whose: ClusterId, pool: str, at: datetime, **changes: Any) -> str:
        """Add what the nodes of a pool said."""
        proof = replace(Proof(at, "image", 3, level=ProofLevel.KERNEL, id="p1"), **changes)
        said = NodeProof(
            level=ProofLevel.KERNEL,
            method="/proc/sys/crypto/fips_enabled, by a pod",
            way="Entra ID",
            pool=pool,
            node_image_version="image",
            expected_nodes=3,
            proof=proof,
            nodes=(),
            rule="production",
            line=7,
        )
        self.proven[whose, pool] = self.heads.get(whose.path, Head()).seq + 1, at
        return self.add(whose, RecordKind.PROOF, {**plain(self.origin), **plain(said)})

    def attempt(self, whose: ClusterId, pool: str, *outcomes: OutcomeState, **more: Any) -> None:
        """Add an intent, and what became of it."""
        number = self.heads[whose.path].seq + 1
        meant = Intent(
            *(pool, ActionKind.ENABLE_FIPS, "etag", {}, f"i{number}", {"enableFIPS": True}, {}),
            *("production", 7, Mode.ENFORCE, "westeurope"),
            **more,
        )
        self.add(whose, RecordKind.INTENT, {**plain(self.origin), **plain(meant)}, f"i{number}")
        for outcome in outcomes:
            said = Outcome(pool, ActionKind.ENABLE_FIPS, f"i{number}", number, outcome, "said", "corr-1", "req-1")
            self.add(whose, RecordKind.OUTCOME, {**plain(self.origin), **plain(said)})

    def texts(self, policy: str = POLICY, exemptions: str = EXEMPTIONS) -> None:
        """Add the texts that are judged by."""
        called = [hashlib.sha256(text.encode()).hexdigest() for text in (policy, exemptions)]
        self.origin = replace(ORIGIN, policy=called[0], exemptions=called[1])
        made: dict[RecordKind, RuleText] = {
            RecordKind.POLICY: PolicyText(called[0], policy, "file:policy.yaml"),
            RecordKind.EXEMPTION: RuleText(called[1], exemptions, "file:exemptions.yaml"),
        }
        for kind, text in made.items():
            self.add(FLEET, kind, {**plain(self.origin), **plain(text)}, text.hash)


HOSTILE = '=HYPERLINK("http://x")</td><script>alert(1)</script>'


def read_of(whose: ClusterId, *names: str) -> Cluster:
    """A cluster as ARM showed it, with pools of these names; one owner is a hostile text."""
    made = [profile(name) if name != "legacy" else disabled(name) for name in names]
    return cluster(*made, id=whose.arm_id, tags={"env": "prod", "owner": HOSTILE})


def recorded() -> Recorded:
    """Four clusters: one with pools of every kind, one that can't be read, one excluded, one that is gone."""
    made = Recorded()
    made.at = NOW - 10 * DAY
    made.texts()
    pay = read_of(PAY, "apps", "legacy", "batch", "jobs")
    made.see(PAY, observation(pay, [verdict("apps", OFF), verdict("legacy", EXCUSED), verdict("batch", ON, PROVEN)]))
    made.attempt(PAY, "apps", OutcomeState.ACCEPTED, OutcomeState.SUCCEEDED)
    made.at = NOW - DAY
    made.prove(PAY, "apps", NOW - DAY)
    made.prove(PAY, "batch", NOW - DAY, disagreeing=("aks-batch-1",))
    waits = Deferral("jobs", "WindowClosed", "The window opens on Saturday.", NOW + 2 * DAY)
    pools = [verdict("apps", ON, PROVEN), verdict("legacy", EXCUSED), verdict("batch", ON, LYING), verdict("jobs", OFF)]
    made.see(PAY, observation(pay, pools, deferrals=(waits,)))
    made.see(MEDIA, observation(read_of(MEDIA, "encoder"), [verdict("encoder", ON, PROVEN, release="Ubuntu 20.04")]))
    lost = Unreadable("Unreachable", "ARM did not answer.", None)
    made.see(MEDIA, observation(lost, [verdict("encoder", UNREAD, read=False)], UNREAD))
    made.see(LAB, observation(read_of(LAB, "apps"), [], in_scope=False))
    made.see(OLD, observation(read_of(OLD, "apps"), [verdict("apps", OFF)]))
    made.see(OLD, observation(None, [], judgement("exists", S.NOT_APPLICABLE, "ClusterGone")))
    made.anchor(NOW, unreadSubscriptions=0, unseen=0)
    return made


def since_a_manifest() -> Recorded:
    """A part of the evidence: one cluster is bad and quiet, and all of its records lie before the part."""
    made = Recorded()
    made.texts()
    made.see(PAY, observation(read_of(PAY, "jobs"), [verdict("jobs", OFF)]))
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    made.prove(MEDIA, "apps", made.at)
    made.see(MEDIA, observation(read_of(MEDIA, "apps"), [verdict("apps", ON, PROVEN)]))
    made.anchor(made.at, unreadSubscriptions=0, unseen=0)
    del made.files[record_name(PAY.path, 1)]
    return made
