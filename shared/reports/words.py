"""Words that several reports share: times, yes and no, what nodes said, whose turn it is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from shared.domain.assessed import READABLE, Due, PoolAssessed, ProofSeen
from shared.domain.assessment import Assessment, OpenFinding
from shared.domain.attempts import Attempt
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.model import ComplianceState
from shared.domain.standing import partial
from shared.domain.stated import REPORT_LIMITS
from shared.domain.verdicts import ModulesSeen
from shared.domain.wording import called, count

NOBODY = "nobody is named"
NOT_READ = "not read"
BEHIND = "No manifest vouches for it yet."
"""Of what rests on a record behind the last manifest: the latest word is always such."""
EXCLUDED = "excluded by the policy"
_NAMED = 10
"""So many clusters are named in a sentence."""


def day(at: datetime | None) -> str:
    """Return a day as ISO 8601 has it; empty if there is none."""
    return f"{at:%Y-%m-%d}" if at else ""


def minute(at: datetime | None) -> str:
    """Return a time to the minute; empty if there is none."""
    return f"{at:%Y-%m-%d %H:%M}Z" if at else ""


def age(since: datetime | None, now: datetime) -> int | None:
    """Return whole days; None if the beginning is not known."""
    return max((now - since) // timedelta(days=1), 0) if since else None


def switch(pool: PoolAssessed) -> str:
    """Say what the control plane says of FIPS: the switch alone."""
    if pool.implementation is None:
        return NOT_READ
    return {True: "on", False: "off", None: "no word"}[pool.implementation.enabled]


def nodes_said(proof: ProofSeen | None) -> str:
    """Say what the nodes said when they were last asked."""
    if proof is None:
        return "not asked"
    told = proof.proof
    if told.unreadable:
        return f"could not be asked: {told.unreadable}"
    no = len(told.disagreeing)
    yes = told.nodes - no
    parts = [f"{yes} of {told.nodes + told.missing} {_say(yes)} yes at level {proof.level}"]
    if no:
        parts.append(f"{no} {_say(no)} no")
    if told.missing:
        parts.append(f"{told.missing} did not answer")
    if told.sampled:
        parts.append(f"a sample of {told.sampled} was asked")
    return "; ".join(parts)


def behind(one: ClusterAssessed) -> str:
    """Say for how many records of a cluster no manifest vouches yet, for an event of it; empty if it does for all."""
    if not one.named:
        return "No manifest names the chain of the cluster's records."
    return f"No manifest vouches yet for {count(one.unanchored, 'record')} of the cluster." if one.unanchored else ""


def _say(number: int) -> str:
    return "says" if number == 1 else "say"


def validated(pool: PoolAssessed) -> str:
    """Say how the certificates of a pool's modules stand: they count for nothing where FIPS is not in effect."""
    if pool.modules is None:
        return NOT_READ
    release = pool.modules.release or "an unknown release"
    if pool.on is None:
        return f"{release}: none is known to be in use, as it is not known whether FIPS is in effect"
    if not pool.on:
        when = "was not in effect when it could be read last" if pool.was else "is not in effect"
        return f"{release}: none is known to be in use, as FIPS {when}"
    return f"{release}: {certified(pool.modules)}"


def certified(modules: ModulesSeen) -> str:
    """Say how the certificates of a release's modules stand, of the worst of them."""
    return f"{modules.standing}, by the list of {modules.edition}"


def became(attempt: Attempt) -> tuple[str, ...]:
    """Say what became of a remediation: each answer and each part with its time."""
    told = [f"{minute(one.source.at)} {one.said}" for one in attempt.steps] or ["Nothing is known of it yet."]
    if attempt.replaced:
        told.append(f"{attempt.pool} is replaced by {attempt.twin}.")
    return (*told, BEHIND) if attempt.latest.behind else tuple(told)


def correlations(attempt: Attempt) -> tuple[str, ...]:
    """Return ARM's correlation ids of a remediation, each once."""
    return tuple(dict.fromkeys(one.correlation for one in attempt.steps if one.correlation))


def until(due: Due) -> str:
    """Say until when something is due, and who says so."""
    return f"{day(due.at)}, {due.basis}" if due.at else due.basis


def summary(found: Assessment) -> str:
    """Say how the fleet is, or the part of it that was meant."""
    states = found.states()
    pools = f"{count(states.total(), 'node pool')} in {count(len(found.judged), 'cluster')}"
    told = f"{pools}: {_by_state(states) or 'nothing was judged'}"
    if was := _by_state(found.was()):
        told += f" (of them, when they could be read last: {was})"
    if beside := _by_state(found.beside()):
        told += f"; clusters beside their pools: {beside}"
    told += "."
    if silent := sum(one.observed is None for one in found.judged):
        told += f" Of {count(silent, 'cluster')} no record says how it is."
    return " ".join(filter(None, (told, *_stateless(found), partial(found))))


def _stateless(found: Assessment) -> Iterator[str]:
    """Say how many clusters have no state, and why."""
    gone = sum(one.gone for one in found.clusters)
    excluded = len(found.clusters) - len(found.judged) - gone
    if excluded:
        yield f"{count(excluded, 'cluster')} {'is' if excluded == 1 else 'are'} {EXCLUDED}."
    if gone:
        yield f"{count(gone, 'cluster')} {'does' if gone == 1 else 'do'} not exist any more."


def stateless(cluster: ClusterAssessed) -> str:
    """Say why a cluster has no state."""
    return "does not exist any more" if cluster.gone else EXCLUDED


def _by_state(states: Counter[ComplianceState]) -> str:
    return ", ".join(f"{states[state]} {called(state)}" for state in ComplianceState if states[state])


def last_seen(one: OpenFinding) -> str:
    """Say of what is known from before its cluster could not be read, when it was seen; empty for all else."""
    if not one.unread:
        return ""
    lost = next((known.since for known in one.cluster.findings if known.check == READABLE), None)
    since = f" since {minute(lost)}" if lost else " since"
    return f"Last seen {minute(one.cluster.last_read) or 'before'}, not readable{since}."


def said(one: OpenFinding) -> str:
    """Say what an open finding is."""
    return f"{one.judgement.message} {last_seen(one)}".rstrip()


def period(found: Assessment) -> str:
    """Say which time the changes are of."""
    begin = f"from {minute(found.since)}" if found.since else "from the first record"
    return f"{begin} to {minute(found.as_of)}"


def origins(found: Assessment) -> Iterator[tuple[str, int, str]]:
    """Yield the heads of the chains that a report is made from: path, number, SHA-256."""
    if found.fleet:
        yield "_fleet", found.fleet.seq, found.fleet.hash
    if found.manifest:
        yield "_manifests", found.manifest.number, found.manifest.source.hash
    for one in found.clusters:
        yield one.cluster.path, one.head.seq, one.head.hash


def anchored(found: Assessment) -> str:
    """Say what the records are anchored by."""
    if found.manifest is None:
        return "No manifest is among the records: that they are whole rests on the chains alone."
    by = f"signed by the key {found.manifest.key}" if found.manifest.key else "with no signature that is good"
    told = (
        f"Manifest {found.manifest.number} of {minute(found.manifest.source.at)}, {by}, holds the heads of chains then."
    )
    checks = "`fipswarden evidence verify` checks whose key it is, and all manifests."
    return " ".join(filter(None, (told, _unanchored(found), checks)))


def _unanchored(found: Assessment) -> str:
    """Say for what the last manifest does not vouch; empty if it does for all."""
    behind = [one for one in found.clusters if one.unanchored]
    if not behind:
        return ""
    records = count(sum(one.unanchored for one in behind), "record")
    told = f"No manifest vouches yet for {records} of {count(len(behind), 'cluster')} behind it: {_clusters(behind)}."
    if unnamed := [one for one in behind if not one.named]:
        told += f" None names the chain of {_clusters(unnamed)}: it has begun since, or was invented."
    return f"{told} So it is with what was written since; step 10 of docs/evidence.md says what an auditor asks for."


def _clusters(found: Sequence[ClusterAssessed]) -> str:
    """Name clusters, so many at most."""
    return ", ".join(str(one.cluster) for one in found[:_NAMED]) + (" ..." if len(found) > _NAMED else "")


def covered(found: Assessment) -> str:
    """Say whether there may be more clusters than the records know."""
    if found.coverage is None:
        return "Whether there are clusters that nobody has looked at is not known from these records."
    if found.coverage.whole:
        return f"On {found.coverage.date} every subscription was read, and no cluster was left unjudged."
    return f"On {found.coverage.date} not all of the fleet was seen: see what could not be read."


def limits(found: Assessment) -> tuple[str, ...]:
    """Return all that a report may not be taken to say, and what it rests on."""
    return (*filter(None, [partial(found)]), *REPORT_LIMITS, covered(found), anchored(found))
