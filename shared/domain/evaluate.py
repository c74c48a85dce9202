"""Judges an observed cluster by the rulebook: the checks on each pool, then exemptions, then the worst state wins.

Pure. A field that could not be read gives `unknown`; nothing here turns missing knowledge into compliance.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from shared.domain import checks, images, proofs, risks, strays
from shared.domain.exemptions import Exemption
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory, Replacement
from shared.domain.missing import no_pools
from shared.domain.model import Cluster, ClusterRead, Gone, Mode, Unreadable, worst
from shared.domain.model import ComplianceState as State
from shared.domain.policy import ExemptionRules, Policy, Rule, stricter
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Fips, Settings
from shared.domain.subject import Check, Subject, decided, undecided

CHECKS: tuple[Check, ...] = (
    checks.legible,
    checks.flag,
    checks.capable,
    checks.cluster_setting,
    checks.settled,
    checks.cluster_settled,
    images.image,
    images.known_kubernetes,
    proofs.proof,
    images.modules,
    images.retiring,
    checks.monitoring,
    risks.smb_volumes,
    risks.blocking_budgets,
    risks.unmanaged_pods,
    risks.local_data,
    risks.workloads_read,
    checks.remediation,
    checks.replacing,
    checks.contested,
)
"""In the order in which their findings are shown; the worst one decides."""


def evaluate(
    read: ClusterRead,
    memory: Memory,
    rules: Rulebook,
    previous: Posture | None,
    now: datetime,
    *,
    cluster: ClusterId | None = None,
) -> Posture:
    """Judge one cluster; `previous` only tells since when a verdict has stood.

    `cluster` is its id where it may be unreadable: one that the policy excludes by its name alone has no state.
    """
    match read:
        case Unreadable() if cluster and not rules.policy.may_cover(cluster):
            return Posture(now, State.NOT_APPLICABLE, (), (), in_scope=False)
        case Unreadable():
            finding = Finding("readable", State.UNKNOWN, read.reason, read.message)
            known = previous.pools if previous else ()
            return Posture(now, State.UNKNOWN, tuple(_unread(pool, finding, now) for pool in known), (finding,))
        case Gone():
            finding = Finding("exists", State.NOT_APPLICABLE, "ClusterGone", "ARM says that it does not exist.")
            return Posture(now, State.NOT_APPLICABLE, (), (finding,))
        case Cluster():
            if not rules.policy.covers(read):
                return Posture(now, State.NOT_APPLICABLE, (), (), in_scope=False)
            return _judged(read, memory, rules, previous, now)


def _judged(read: Cluster, memory: Memory, rules: Rulebook, previous: Posture | None, now: datetime) -> Posture:
    before = {pool.pool: pool for pool in previous.pools} if previous else {}
    pools = tuple(
        _dated(_pool_posture(subject, rules), before.get(subject.pool.name))
        for subject in subjects(read, memory, rules.policy, now)
    )
    # Of one that is not listed, and may be there all the same, what was judged last stands.
    pools += tuple(
        before[name] for name in memory.missed if name in before and all(name != pool.pool for pool in pools)
    )
    found = (*cluster_findings(read, memory, rules, now), *_told_of_cluster(read, pools, rules, now))
    states = [*(pool.state for pool in pools), *(finding.state for finding in found)]
    return Posture(now, worst(states), pools, _since(found, previous.cluster_findings if previous else (), now))


def cluster_findings(read: Cluster, memory: Memory, rules: Rulebook, now: datetime) -> tuple[Finding, ...]:
    """Judge what concerns no single pool, nodes outside every pool among it."""
    found = _of_cluster(read, memory, rules.policy, now)
    return tuple(_excused_cluster(finding, read, rules, now) for finding in found)


def _of_cluster(read: Cluster, memory: Memory, policy: Policy, now: datetime) -> tuple[Finding, ...]:
    if nothing := no_pools(read):
        return (Finding("readable", State.UNKNOWN, nothing.reason, nothing.message),)
    rule = policy.rule_outside(read)
    found = undecided(rule, rule.match.undecided_cluster(read))
    found = found or strays.strays(read, memory.strays, rule.settings, now)
    return (found,) if found else ()


def _excused_cluster(finding: Finding, read: Cluster, rules: Rulebook, now: datetime) -> Finding:
    """Excuse what concerns no pool: by an exemption that asks nothing of pools and names the reason."""
    for exemption in rules.exemptions.entries:
        named = exemption.match.only_cluster and finding.reason in exemption.covers
        holds = exemption.created <= now < exemption.ends(rules.policy.exemptions)
        if named and holds and exemption.match.fits_cluster(read):
            return _excuse(finding, exemption, rules.policy.exemptions)
    return finding


def cluster_settings(policy: Policy, cluster: Cluster) -> Settings:
    """Return what holds for nodes that are in no node pool; where that is not known, nothing is asked of them.

    That it is not known is then a finding of the cluster.
    """
    rule = policy.rule_outside(cluster)
    unknown = rule.match.undecided_cluster(cluster)
    return replace(rule.settings, fips=Fips.ANY) if unknown else rule.settings


def subjects(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> Iterator[Subject]:
    """Yield what the checks look at, pool by pool."""
    for pool in cluster.pools:
        operation = memory.operation if memory.operation and memory.operation.on == pool.name else None
        rule, replaced = policy.rule_for(cluster, pool), memory.replacement
        part = replaced if replaced and pool.name in (replaced.pool, replaced.twin) else None
        if part and pool.name == part.twin:
            rule = _as_twin(rule, part, cluster, policy)
        yield Subject(pool, cluster, memory.pool(pool.name), rule, now, operation, memory.agent, part)


def _as_twin(rule: Rule, part: Replacement, cluster: Cluster, policy: Policy) -> Rule:
    """Return the rule of a twin: as long as its pool is there, that one's demands on proofs hold as well."""
    old = next((pool for pool in cluster.pools if pool.name == part.pool), None)
    return stricter(rule, policy.rule_for(cluster, old).settings) if old else rule


def _unread(pool: PoolPosture, finding: Finding, now: datetime) -> PoolPosture:
    return _dated(replace(pool, state=finding.state, findings=(finding,), since=now), pool)


def _pool_posture(subject: Subject, rules: Rulebook) -> PoolPosture:
    asked = subject.settings.fips is not Fips.ANY or decided(subject)
    found = _excused(subject, rules) if asked else (_nothing_asked(),)
    return PoolPosture(
        subject.pool.name,
        worst([finding.state for finding in found]),
        found,
        subject.settings.mode,
        subject.rule.name,
        subject.rule.line,
        rules.policy.ring_name(subject.cluster, subject.pool),
        subject.now,
        subject.settings.alerts,
        proof_age=int(subject.settings.proof.max_age.total_seconds()),
    )


def _nothing_asked() -> Finding:
    return Finding("rule", State.NOT_APPLICABLE, "NothingAsked", "The policy asks nothing of the pool (fips: any).")


def _excused(subject: Subject, rules: Rulebook) -> tuple[Finding, ...]:
    # Where nobody knows which rule holds, what the others would ask of the pool is not known either.
    unknown = decided(subject)
    found = (unknown,) if unknown else tuple(finding for check in CHECKS if (finding := check(subject)))
    terms = rules.policy.exemptions
    for exemption in rules.exemptions.matching(subject.cluster, subject.pool):
        if exemption.created <= subject.now < exemption.ends(terms):
            found = tuple(_excuse(finding, exemption, terms) for finding in found)
        if told := _exemption_told(exemption, terms, subject.now):
            found = (*found, told)
    return found


def _excuse(finding: Finding, exemption: Exemption, terms: ExemptionRules) -> Finding:
    if not exemption.excuses(finding):
        return finding
    until = exemption.last(terms)
    message = f"{finding.message} Exempt until {until} by `{exemption.name}` ({exemption.category}, {exemption.owner})."
    ends = exemption.ends(terms)
    return replace(finding, state=State.EXEMPT, message=message, exemption=exemption.name, exempt_until=ends)


def _exemption_told(exemption: Exemption, terms: ExemptionRules, now: datetime) -> Finding | None:
    """A finding of its own for an exemption that has ended or soon will: it never changes the verdict."""
    ends = exemption.ends(terms)
    if now >= ends:
        message = (
            f"Exemption `{exemption.name}` of {exemption.owner} ended on {exemption.last(terms)}: renew or remove it."
        )
        return Finding("exemption", State.NOT_APPLICABLE, "ExemptionExpired", message)
    if exemption.created <= now and ends - now <= terms.expiring:
        message = f"Exemption `{exemption.name}` of {exemption.owner} ends on {exemption.last(terms)}."
        return Finding("exemption", State.NOT_APPLICABLE, "ExemptionExpiring", message)
    return None


def _told_of_cluster(
    read: Cluster, pools: tuple[PoolPosture, ...], rules: Rulebook, now: datetime
) -> Iterator[Finding]:
    """Tell the end of an exemption of the cluster that none of its pools tells: it has none, or nothing is asked."""
    known = {finding.message for pool in pools for finding in pool.findings}
    for exemption in rules.exemptions.entries:
        if exemption.match.only_cluster and exemption.match.fits_cluster(read):
            told = _exemption_told(exemption, rules.policy.exemptions, now)
            if told and told.message not in known:
                yield told


def _dated(pool: PoolPosture, old: PoolPosture | None) -> PoolPosture:
    """Return a verdict with the times since when it and its findings have stood."""
    same = old is not None and (old.state, old.decisive.reason) == (pool.state, pool.decisive.reason)
    findings = _since(pool.findings, old.findings if old else (), pool.since)
    stands = old is not None and old.state == pool.state and _unread_cluster(old) == _unread_cluster(pool)
    state_since = (old.state_since or old.since) if old and stands else pool.since
    since = old.since if old and same else pool.since
    return replace(pool, findings=findings, since=since, state_since=state_since)


def _unread_cluster(pool: PoolPosture) -> bool:
    """Say whether a pool is unknown with its whole cluster: that is told of the cluster, and is no state of its own."""
    return pool.findings[0].check == "readable"


def _since(found: tuple[Finding, ...], old: tuple[Finding, ...], now: datetime) -> tuple[Finding, ...]:
    before = {(one.check, one.reason): one.since for one in old}
    return tuple(replace(one, since=before.get((one.check, one.reason)) or now) for one in found)


def to_prove(
    cluster: Cluster, memory: Memory, rules: Rulebook, now: datetime, wanted: Collection[str] = ()
) -> tuple[Subject, ...]:
    """Return the pools whose nodes must be asked now: no proof, an old one, one that settles nothing, or `wanted`."""
    if not rules.policy.covers(cluster):
        return ()
    return tuple(
        subject
        for subject in subjects(cluster, memory, rules.policy, now)
        if proofs.due(subject) or (subject.pool.name in wanted and proofs.asks_nodes(subject))
    )


def strays_due(cluster: Cluster, memory: Memory, rules: Rulebook, now: datetime) -> bool:
    """Say whether the nodes outside every pool must be asked: nobody did lately, or they are not as they should be."""
    settings = cluster_settings(rules.policy, cluster)
    return rules.policy.covers(cluster) and strays.strays_due(cluster, memory.strays, settings, now)


def proof_due(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> datetime | None:
    """Return when the nodes are to be asked or listed again; None if no proof counts for anything.

    Where nodes come and go by themselves nothing else tells of it; elsewhere the next look is soon enough for a list.
    """
    ends = [end for subject in subjects(cluster, memory, policy, now) if (end := proofs.expiry(subject))]
    listing = listing_due(cluster, memory, policy, now)
    outside = cluster.unlisted or (memory.strays and memory.strays.nodes)
    if listing and (outside or any(pool.restless for pool in cluster.pools) or _despite(cluster, memory, policy, now)):
        ends.append(listing)
    return min(ends, default=None)


def listing_due(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> datetime | None:
    """Return when a look is to list the nodes, to see whether they are still those that were asked; None: never."""
    if cluster.stopped or not policy.covers(cluster):
        return None
    of_pools = any(one.memory.proof and proofs.asks_nodes(one) for one in subjects(cluster, memory, policy, now))
    outside = memory.strays is not None and cluster_settings(policy, cluster).fips is Fips.REQUIRED
    if not of_pools and not (outside and (cluster.unlisted or (memory.strays and memory.strays.nodes))):
        return None
    every = proofs.DESPITE if _despite(cluster, memory, policy, now) else proofs.LISTING
    # One of a time that has not come was made by a clock that was wrong: nobody knows when.
    return memory.listed + every if memory.listed and memory.listed <= now + proofs.CLOCKS else now


def _despite(cluster: Cluster, memory: Memory, policy: Policy, now: datetime) -> bool:
    """Say whether the last list showed nodes of a pool that ARM calls empty or stopped."""
    return any(proofs.asks_nodes(one) and proofs.despite(one) for one in subjects(cluster, memory, policy, now))


def unreadable(posture: Posture) -> Finding | None:
    """Return why a cluster's pools are not judged at all, if so: those shown are then the ones of an earlier look."""
    unknown = State.UNKNOWN
    return next((one for one in posture.cluster_findings if one.check == "readable" and one.state is unknown), None)


def told(posture: PoolPosture) -> bool:
    """Say whether people are told about a pool."""
    return posture.mode is not Mode.AUDIT
