"""Which clusters and node pools a part of the policy is about: every part that is given must fit."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TypeVar

from shared.domain.ids import ClusterId
from shared.domain.legible import OF_CLUSTER, OF_POOL
from shared.domain.model import Cluster, Pool
from shared.domain.support import minor_version

_BOUND = re.compile(r"(>=|<=|>|<|=)?(\d{1,4})\.(\d{1,4})")
_LAST = 9999
"""The greatest number in a version."""
NO_TAGS: Mapping[str, str] = MappingProxyType({})
_GLOBS = {"longest": 256, "empty": "and would match nothing: leave it out or fill it"}
_OS_TYPES = _GLOBS | {"fits": ("Linux", "Windows")}
"""Closed in the API 2026-08-01 (`OSType`, `AgentPoolMode`): what fits none of them can only be a mistake."""
_POOL_MODES = _GLOBS | {"fits": ("System", "User", "Gateway")}
_TAGS = {
    "longest": 256,
    "empty": "and would match everything: leave it out or fill it",
    "many": "write one glob; another value needs an entry with a match of its own",
}


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Kubernetes versions by their minor, for example `>=1.30 <1.35`; the patch does not count."""

    text: str

    def __post_init__(self) -> None:
        """Refuse what is no range; raises ValueError."""
        if not self.text.split() or not all(_BOUND.fullmatch(part) for part in self.text.split()):
            raise ValueError(f"`{self.text}` is no range of Kubernetes versions: write it like `>=1.30 <1.35`")

    def holds(self, version: str) -> bool:
        """Say whether a version lies in the range; one that can't be read lies in none."""
        known = minor_version(version)
        return known is not None and all(_within(known, part) for part in self.text.split())

    def edges(self) -> tuple[str, ...]:
        """Return the versions at its bounds and next to them: if it holds any version, it holds one of these."""
        bounds = [(int(found[2]), int(found[3])) for part in self.text.split() if (found := _BOUND.fullmatch(part))]
        near = [(one, two + step) for one, two in bounds for step in (-1, 0, 1) if 0 <= two + step <= _LAST]
        return tuple(f"{one}.{two}" for one, two in [*near, (0, 0), *((one + 1, 0) for one, _ in bounds)])


def _within(version: tuple[int, int], part: str) -> bool:
    found = _BOUND.fullmatch(part)
    if found is None:
        return False
    bound = (int(found[2]), int(found[3]))
    match found[1]:
        case ">=":
            return version >= bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case "<":
            return version < bound
    return version == bound


@dataclass(frozen=True, slots=True)
class ClusterMatch:
    """Which clusters; globs (`*`, `?`, `[ab]`), compared without case; a part that is left out fits everything."""

    subscriptions: tuple[str, ...] = field(default=(), metadata=_GLOBS)
    """Subscription ids."""
    resource_groups: tuple[str, ...] = field(default=(), metadata=_GLOBS)
    """Names of resource groups."""
    clusters: tuple[str, ...] = field(default=(), metadata=_GLOBS)
    """Names of clusters."""
    locations: tuple[str, ...] = field(default=(), metadata=_GLOBS)
    """Azure regions, such as `usgovvirginia`."""
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS, hash=False, metadata=_TAGS)
    """Tags of the cluster: name, and glob of the value; all must fit."""
    line: int = field(default=0, compare=False, kw_only=True, metadata={"place": True})
    """Where it stands in the file; 0 where nothing is written."""

    def fits_cluster(self, cluster: Cluster) -> bool:
        """Say whether the parts that concern a cluster fit."""
        return (
            _any(self.subscriptions, cluster.id.subscription)
            and _any(self.resource_groups, cluster.id.resource_group)
            and _any(self.clusters, cluster.id.name)
            and _any(self.locations, cluster.location)
            and _tagged(self.tags, cluster.tags)
        )

    def undecided_cluster(self, cluster: Cluster) -> Mapping[str, str]:
        """Return what can't be read of a cluster where that alone would decide: in words, by the part that asks."""
        unread = {part: said for part, read in OF_CLUSTER.items() if getattr(self, part) and (said := read(cluster))}
        return unread if unread and _without(self, unread).fits_cluster(cluster) else {}

    def fits_id(self, cluster: ClusterId) -> bool:
        """Say whether what is asked can be told from the id alone, and fits."""
        return (
            not self.locations
            and not self.tags
            and _any(self.subscriptions, cluster.subscription)
            and _any(self.resource_groups, cluster.resource_group)
            and _any(self.clusters, cluster.name)
        )


@dataclass(frozen=True, slots=True)
class Match(ClusterMatch):
    """Which node pools."""

    pools: tuple[str, ...] = field(default=(), metadata=_GLOBS)
    """Names of node pools."""
    pool_tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS, hash=False, metadata=_TAGS)
    """Tags of the node pool: name, and glob of the value; all must fit."""
    os_types: tuple[str, ...] = field(default=(), metadata=_OS_TYPES)
    """`Linux`, `Windows`."""
    os_skus: tuple[str, ...] = field(default=(), metadata=_GLOBS)
    """For example `Ubuntu2204`, `AzureLinux*`."""
    pool_modes: tuple[str, ...] = field(default=(), metadata=_POOL_MODES)
    """`System`, `User`, `Gateway`."""
    kubernetes: VersionRange | None = None
    """Versions of the pool; one that can't be read fits no range."""

    def fits(self, cluster: Cluster, pool: Pool) -> bool:
        """Say whether everything fits one pool of a cluster."""
        return (
            self.fits_cluster(cluster)
            and _any(self.pools, pool.name)
            and _any(self.os_types, pool.os_type)
            and _any(self.os_skus, pool.os_sku)
            and _any(self.pool_modes, pool.mode)
            and _tagged(self.pool_tags, pool.tags)
            and (self.kubernetes is None or self.kubernetes.holds(pool.kubernetes_version))
        )

    def may_fit(self, cluster: ClusterId, pool: str) -> bool:
        """Say whether it may fit a pool of which only the names are known."""
        return (
            _any(self.subscriptions, cluster.subscription)
            # Of other letters a key does not keep in which case they were, and some have two small ones.
            and (_any(self.resource_groups, cluster.resource_group) or not cluster.resource_group.isascii())
            and _any(self.clusters, cluster.name)
            and _any(self.pools, pool)
        )

    @property
    def only_cluster(self) -> bool:
        """Say whether nothing is asked of node pools."""
        return replace(self, subscriptions=(), resource_groups=(), clusters=(), locations=(), tags=NO_TAGS) == Match()

    def undecided(self, cluster: Cluster, pool: Pool) -> Mapping[str, str]:
        """Return what can't be read of a pool or its cluster where that alone would decide: by the part that asks."""
        unread = {part: said for part, read in OF_CLUSTER.items() if getattr(self, part) and (said := read(cluster))}
        unread |= {part: said for part, read in OF_POOL.items() if getattr(self, part) and (said := read(pool))}
        return unread if unread and _without(self, unread).fits(cluster, pool) else {}


M = TypeVar("M", bound=ClusterMatch)


def _without(match: M, parts: Iterable[str]) -> M:
    """Return a match that asks nothing by some of its parts."""
    return replace(match, **{part: getattr(Match(), part) for part in parts})


def _any(globs: tuple[str, ...], value: str) -> bool:
    return not globs or any(fnmatchcase(value.lower(), glob.lower()) for glob in globs)


def _tagged(wanted: Mapping[str, str], have: Mapping[str, str]) -> bool:
    if not wanted:
        return True
    # Tag names compare without case, as in ARM.
    lower = {name.lower(): value for name, value in have.items()}
    return all(name.lower() in lower and _any((glob,), lower[name.lower()]) for name, glob in wanted.items())
