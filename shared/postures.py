"""The posture row of a cluster: its verdicts, the head of its evidence chain, and the alerts not yet sent.

Writing it is the commit of a look.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from shared.domain.alert import Alert
from shared.domain.census import exempt_until, is_done, passes
from shared.domain.codec import canonical, fingerprint, plain, typed
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.looks import OVERDUE
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ClusterRead, ComplianceState
from shared.domain.modules import edition
from shared.domain.owners import owners
from shared.domain.planned import Deferral, Method, Plan
from shared.domain.posture import PoolPosture, Posture
from shared.domain.records import Head
from shared.domain.remediated import Mended
from shared.domain.rulebook import Rulebook
from shared.domain.since import unreadable
from shared.errors import LeaseLostError
from shared.ports import Put, Row, Scalar, Table


@dataclass(frozen=True, slots=True)
class StoredPosture:
    """The document of a posture row."""

    head: Head = field(default_factory=Head)
    posture: Posture | None = None
    deferrals: tuple[Deferral, ...] = ()
    """Why what is due was not done, as the last commit planned it."""
    rules: str = ""
    """Hash of the rulebook that it was judged by."""
    pending: tuple[Alert, ...] = ()
    """Alerts of commits up to now that may not have reached the queue."""
    begun: str = ""
    """Intent of the last operation whose beginning was told."""
    owed: tuple[str, ...] = ()
    """Pools whose remediation has ended, and of which nobody could be told yet how they are."""
    digest: str = ""
    """Fingerprint of verdicts and plan: an observation is recorded when it changes."""
    control: str = ""
    """Fingerprint of what the control plane alone said: resync compares its hints with it."""
    due: datetime | None = None
    """When the cluster is worth another look even if nothing changes."""
    proofs: tuple[datetime, ...] = ()
    """When the nodes of each pool were asked last, of those that have a proof."""
    failing: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    """Since when pools are at fault, by name."""
    mended: tuple[Mended, ...] = ()
    """Pools that were at fault and became compliant in the last days."""
    etag: str | None = None
    """The row's eTag; None if there is no row."""


def read_posture(table: Table, cluster: ClusterId) -> StoredPosture:
    """Return what the last commit left."""
    row = table.read(cluster.subscription, cluster.key)
    return replace(typed(StoredPosture, row.doc), etag=row.etag) if row else StoredPosture()


def commit(table: Table, cluster: ClusterId, stored: StoredPosture) -> StoredPosture:
    """Write the row; raises LeaseLostError if somebody else wrote it since it was read."""
    posture = stored.posture
    state = posture.state if posture else ComplianceState.UNKNOWN
    columns: dict[str, Scalar] = {
        "state": state.value,
        "inScope": posture is None or posture.in_scope,
        "gone": posture is not None and any(found.reason == "ClusterGone" for found in posture.cluster_findings),
        "pools": len(posture.pools) if posture else 0,
        "seq": stored.head.seq,
        "hash": stored.head.hash,
        "control": stored.control,
        "armId": cluster.arm_id,
        "rules": stored.rules,
        "unread": posture is not None and unreadable(posture) is not None,
        "rings": canonical(_rings(posture)).decode() if posture and posture.in_scope else "{}",
        "states": canonical(Counter(pool.state.value for pool in posture.pools)).decode() if posture else "{}",
        "proofs": json.dumps([int(at.timestamp()) for at in stored.proofs]),
        "mended": json.dumps([[each.pool, int(each.at.timestamp()), each.seconds] for each in stored.mended]),
    }
    if stored.due:
        columns["due"] = stored.due
    if posture:
        columns["at"] = posture.at
    put = Put(cluster.key, stored.etag, columns, plain(replace(stored, etag=None)))
    written = table.write(cluster.subscription, put)
    if written is None:
        raise LeaseLostError(f"somebody else committed a posture of {cluster}")
    return replace(stored, etag=written.etag)


def _rings(posture: Posture) -> dict[str, list[int | None]]:
    """Return what `RingPart` says of each ring, the time in seconds; a pool in no ring counts under no name."""
    parts: dict[str, list[PoolPosture]] = {}
    for pool in posture.pools:
        parts.setdefault(pool.ring, []).append(pool)
    return {name: _part(pools) for name, pools in parts.items()}


def _part(pools: Sequence[PoolPosture]) -> list[int | None]:
    until = min((end for pool in pools if (end := exempt_until(pool))), default=None)
    waiting = [pool for pool in pools if not is_done(pool)]
    return [len(pools), len(waiting), sum(map(passes, waiting)), int(until.timestamp()) if until else None]


def control_digest(read: ClusterRead, rules: Rulebook, now: datetime) -> str:
    """Return a fingerprint of what the control plane alone says of a cluster, judged without any memory.

    A look keeps it; resync computes it from Resource Graph's hint: a difference is worth a fresh look.
    """
    # The image and the number of nodes: other nodes than those that were asked are a reason to ask again.
    images = [[pool.name, pool.node_image, pool.count] for pool in read.pools] if isinstance(read, Cluster) else []
    return fingerprint([_PARTS, _verdicts(evaluate(read, Memory(), rules, None, now)), images, rules.hash])


def _verdicts(posture: Posture) -> str:
    return fingerprint(
        [
            [pool.pool, pool.state, pool.mode, pool.rule, pool.ring, [found.reason for found in pool.findings]]
            for pool in posture.pools
        ]
        + [[found.reason] for found in posture.cluster_findings]
        + [posture.in_scope]
    )


def digest(read: ClusterRead, posture: Posture, plan: Plan, rules: Rulebook) -> str:
    """Return a fingerprint of what an observation record would say, without what each look changes.

    Times are in it where they stay from look to look and reports go by them: ends of exemptions, of windows, of
    notices. So are those whom reports name as owners. When a proof was taken, an eTag, other tags and when to look
    again are not.
    """
    # A drain has records of its own, and is tried again and again.
    told = plan.action if plan.action and plan.action.method is not Method.DRAIN else None
    action = [told.kind, told.pool, told.etag] if told else []
    waits = [[item.pool, item.reason, item.until if item.dated else None] for item in plan.deferrals]
    # Whoever is told anew, or otherwise, is: only the look that tells has them.
    notices = [[one.pool, one.said, one.until] for one in plan.notices]
    named = owners(read, posture, rules) if isinstance(read, Cluster) and posture.in_scope else []
    return fingerprint([_verdicts(posture), action, waits, notices, _rests_on(posture), _images(read), named])


def _rests_on(posture: Posture) -> list[Any]:
    """Return until when verdicts hold: how old proofs may be, which exemptions excuse, and when those end."""
    excused = [(pool.pool, found) for pool in posture.pools for found in pool.findings]
    excused += [("", found) for found in posture.cluster_findings]
    return [
        [pool.proof_age for pool in posture.pools],
        [[pool, one.check, one.exemption, one.exempt_until] for pool, one in excused if one.exemption],
    ]


def _images(read: ClusterRead) -> list[Any]:
    """Return what the nodes run, and by which list their modules are judged."""
    if not isinstance(read, Cluster):
        return []
    found = [[pool.name, pool.os_sku, pool.node_image, pool.kubernetes_version] for pool in read.pools]
    return [edition().as_of, found]


_COLUMNS = ("armId", "state", "inScope", "gone", "pools", "seq", "control", "due", "at", "rules", "rings", "unread")


@dataclass(frozen=True, slots=True)
class RingPart:
    """What a cluster has of one ring."""

    pools: int
    unproven: int
    """Those of them that are not done."""
    passing: int = 0
    """Those of `unproven` where all that is wrong passes by itself."""
    exempt_until: datetime | None = None
    """When the first exemption ends that one of the others rests on, to the second."""


@dataclass(frozen=True, slots=True)
class PostureSummary:
    """The columns of a posture row: what the resync and lists need of a cluster."""

    cluster: ClusterId
    state: ComplianceState
    in_scope: bool
    gone: bool
    pools: int
    seq: int
    """Number of the last evidence record."""
    control: str
    due: datetime | None
    """When the next look was due, as of the last commit."""
    at: datetime | None
    """When the verdicts were last written; at rest once a day."""
    rules: str = ""
    """Hash of the rulebook that it was judged by."""
    rings: Mapping[str, RingPart] = field(default_factory=dict, hash=False)
    """By name of the ring."""
    unread: bool = False
    """The cluster could not be read: rings and counts are those of the last reading."""

    def overdue(self, now: datetime) -> bool:
        """Say whether the looks that were due have not come: the verdicts are then no knowledge any more."""
        return not self.gone and (self.due is None or now - self.due > OVERDUE)


_PARTS = len(fields(RingPart))
"""How much a row says of a ring; one of a version that said less is written anew by its next look, which is queued."""


def _ring_part(pools: int, unproven: int, passing: int = 0, until: int | None = None) -> RingPart:
    return RingPart(pools, unproven, passing, None if until is None else _time(until))


def summaries(table: Table, subscription: str | None = None) -> Iterator[PostureSummary]:
    """Yield the summaries of a subscription's clusters, or of all, without reading their documents."""
    for row in table.rows(_COLUMNS, subscription):
        yield _summary(row)


def _summary(row: Row) -> PostureSummary:
    columns = row.columns
    rings: dict[str, list[int]] = json.loads(str(columns.get("rings", "{}")))
    # Who counts must not take such a row for judged: it may hide when an exemption ends.
    whole = all(len(part) == _PARTS for part in rings.values())
    return PostureSummary(
        ClusterId.parse(str(columns["armId"])),
        ComplianceState(str(columns["state"])),
        bool(columns["inScope"]),
        bool(columns["gone"]),
        int(str(columns["pools"])),
        int(str(columns["seq"])),
        str(columns["control"]),
        due if isinstance(due := columns.get("due"), datetime) else None,
        at if isinstance(at := columns.get("at"), datetime) else None,
        str(columns.get("rules", "")) if whole else "",
        {ring: _ring_part(*part) for ring, part in rings.items()},
        columns.get("unread") is True,
    )


@dataclass(frozen=True, slots=True)
class PostureDetail:
    """Further columns of a posture row: what a snapshot and the daily series need beside the summary."""

    head: Head
    """The last evidence record."""
    states: Mapping[str, int] = field(hash=False)
    """Node pools by state; of a row that does not say, all are unknown."""
    proofs: tuple[datetime, ...]
    """When the nodes of each pool were asked last, to the second."""
    mended: tuple[Mended, ...]
    """Pools that became compliant in the last days."""


_DETAIL = ("hash", "states", "proofs", "mended")


def detailed(table: Table) -> Iterator[tuple[PostureSummary, PostureDetail]]:
    """Yield what the columns of every posture row say, tombstones too, without reading their documents."""
    for row in table.rows((*_COLUMNS, *_DETAIL)):
        summary = _summary(row)
        yield summary, _detail(row, summary)


def _detail(row: Row, summary: PostureSummary) -> PostureDetail:
    columns = row.columns
    unsaid = {ComplianceState.UNKNOWN.value: summary.pools} if summary.pools else {}
    return PostureDetail(
        Head(summary.seq, str(columns["hash"])),
        json.loads(str(columns["states"])) if "states" in columns else unsaid,
        tuple(_time(at) for at in json.loads(str(columns.get("proofs", "[]")))),
        tuple(Mended(pool, _time(at), seconds) for pool, at, seconds in json.loads(str(columns.get("mended", "[]")))),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
