"""Reads what people saved of their fleet, so that it can be judged without signing in.

Accepted is JSON as Azure's own tools write it (`ACCEPTED`). Nothing that may be a cluster is dropped: an entry that
can't be read becomes an unreadable cluster, a list that says that it is not whole says so here, and what says two
things is not believed.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.casing import arm_properties, same
from shared.domain.ids import ClusterId, pool_name
from shared.domain.model import Cluster, ClusterRead, ComplianceState, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.pages import Page, arm_page, graph_page
from shared.domain.posture import Finding
from shared.domain.wording import count
from shared.errors import InputError

ACCEPTED = (
    "`az aks list -o json`, `az aks show -o json`, ARM's answer for a managed cluster or a list of them, or a Resource "
    "Graph export in JSON whose rows have `id`, `location` and either `properties` or `agentPoolProfiles`"
)
"""What is read, for people."""
_TYPE = "microsoft.containerservice/managedclusters"
_SHOWN = 8
"""How many keys of something unknown are named."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One cluster as it was saved, or what stands in the place of one."""

    cluster: ClusterId | None
    """None if the entry has no id of a cluster."""
    where: str
    """File and number of the entry, for people."""
    read: ClusterRead
    faults: tuple[Finding, ...] = ()
    """Node pools of the cluster that could not be read: the others are in `read`."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One file, opened but not yet read entry by entry."""

    source: str
    """Name of the file."""
    items: tuple[tuple[int, Any], ...]
    """What may be clusters, as JSON values, with the number of the entry in the file."""
    page: Page
    """Whether it is the whole list."""
    others: int = 0
    """How many resources of other types were left out."""

    def entries(self) -> Iterator[Entry]:
        """Read the entries one by one: a fleet of 100,000 pools need not be in memory twice."""
        for number, item in self.items:
            yield _entry(item, f"{self.source}, entry {number}")


def read_saved(content: bytes, source: str) -> Saved:
    """Open a saved file; raises InputError if it is not one of `ACCEPTED`.

    JSON in UTF-8, UTF-16 or UTF-32, with or without a byte order mark (Windows PowerShell's `>` writes UTF-16).
    """
    if not content.strip():
        raise InputError(f"{source} is empty: the command that wrote it may have failed. Accepted are {ACCEPTED}")
    try:
        value = json.loads(content, parse_constant=_nothing, parse_float=_finite, object_pairs_hook=_object)
    except RecursionError as error:
        raise InputError(f"{source} is nested too deeply for a list of clusters. Accepted are {ACCEPTED}") from error
    except ValueError as error:
        raise InputError(f"{source} is not JSON ({error}). Accepted are {ACCEPTED}") from error
    items, page = _shape(value, source)
    if isinstance(value, _Contradictory) and not any(item is value for item in items[:1]):
        raise InputError(f"{source} contradicts itself: {value.said}")
    numbered = tuple((number, item) for number, item in enumerate(items, 1) if not _is_other(item))
    if items and not any(_is_clusterlike(item) for _, item in numbered):
        first = _looks(items[0])
        raise InputError(f"{source} holds no AKS cluster; its first entry is {first}. Accepted are {ACCEPTED}")
    return Saved(source, numbered, page, len(items) - len(numbered))


def _nothing(_: str) -> None:
    """Read NaN and Infinity, which JSON doesn't know, as missing."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


_ENTRIES = frozenset({"value", "data", "agentPoolProfiles", "agentpoolprofiles"})
"""Lists whose items are read one by one: one that contradicts itself is no matter of the others."""


class _Contradictory(dict[str, Any]):
    """An object in which a name has two values, or that has such an object in it."""

    said = ""
    """What is wrong, for people."""


def _said(value: Any) -> str:
    """Say what is wrong with a value, if it contradicts itself."""
    if isinstance(value, _Contradictory):
        return value.said
    return next(filter(None, map(_said, value)), "") if isinstance(value, list) else ""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Read an object; Python alone would believe the last of two values without a word."""
    found = dict(pairs)
    said = next(filter(None, (_said(value) for name, value in found.items() if name not in _ENTRIES)), "")
    if len(found) < len(pairs):
        twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        differing = [name for name in twice if len({json.dumps(value) for key, value in pairs if key == name}) > 1]
        said = f"{differing[0][:40]!r} stands there twice, with two values" if differing else said
    if not said:
        return found
    made = _Contradictory(found)
    made.said = said
    return made


def _shape(value: Any, source: str) -> tuple[list[Any], Page]:
    match value:
        case list():
            return value, Page(source)
        case {"value": list(items)}:
            return items, arm_page(value, source)
        case {"data": list(rows)}:
            return rows, graph_page(value, rows, source)
        case dict() if "properties" in value or _shows_pools(value):
            return [value], Page(source)
        case _:
            raise InputError(f"{source} holds {_looks(value)}. Accepted are {ACCEPTED}")


def _is_other(item: Any) -> bool:
    """Say whether an entry is plainly a resource of another type, as in a query without `where type`."""
    if not isinstance(item, dict) or not isinstance(item.get("type"), str) or _id(item):
        return False
    if isinstance(item, _Contradictory):
        return False
    found = item["type"].lower()
    return "/" in found and found != _TYPE


def _is_clusterlike(item: Any) -> bool:
    """Say whether an entry was meant to be a cluster: it shows pools, or names itself one (ARM's bare lists do)."""
    if not isinstance(item, dict):
        return False
    kind = item.get("type")
    of_type = isinstance(kind, str) and kind.lower() == _TYPE
    properties = item.get("properties")
    shows_pools = _shows_pools(item) or (isinstance(properties, dict) and _shows_pools(properties))
    return shows_pools or of_type or (bool(_id(item)) and "properties" in item)


def _shows_pools(item: Mapping[str, Any]) -> bool:
    """Say whether pools were meant to be there, in whatever spelling."""
    return "agentPoolProfiles" in item or any(name.lower() == "agentpoolprofiles" for name in item)


def _id(item: Mapping[str, Any]) -> ClusterId | None:
    """Return the cluster that an entry names; an agent pool's id is none."""
    try:
        found = ClusterId.parse(str(item.get("id")))
    except ValueError:
        return None
    return found if str(item["id"]).count("/") == 8 else None


def _entry(item: Any, where: str) -> Entry:
    if not isinstance(item, dict):
        return _unread(None, where, f"{where} is {_looks(item)}, not a cluster")
    cluster = _id(item)
    if cluster is None:
        return _unread(None, where, f"{where}: {str(item.get('id'))[:200]!r} is not the ARM id of an AKS cluster")
    if isinstance(item, _Contradictory):
        return _unread(cluster, where, f"{where} contradicts itself: {item.said}")
    try:
        return _cluster(cluster, item, where)
    except (ValueError, RecursionError) as error:
        return _unread(cluster, where, f"{where} can't be read: {error}")


def _cluster(cluster: ClusterId, item: Mapping[str, Any], where: str) -> Entry:
    own = item.get("properties")
    if not isinstance(own, dict) and "agentPoolProfiles" not in item:
        return _unread(cluster, where, f"{where} has no `agentPoolProfiles`: {_misspelled(item)}")
    if isinstance(own, dict) and _differ(item, own):
        return _unread(cluster, where, f"{where} contradicts itself: it has two lists `agentPoolProfiles`")
    source = own if isinstance(own, dict) else item
    properties = arm_properties(source, printed=source is item)
    profiles = properties.get("agentPoolProfiles")
    if not isinstance(profiles, list):
        found = _looks(profiles) if "agentPoolProfiles" in properties else f"missing: {_misspelled(source)}"
        return _unread(cluster, where, f"{where}: `agentPoolProfiles` should be a list, and is {found}")
    # As they stand in the file: what has been put into ARM's spelling no longer shows that it contradicted itself.
    given = source["agentPoolProfiles"]
    judged = [
        (pool, _pool_fault(as_given, number, where))
        for number, (as_given, pool) in enumerate(zip(given, profiles, strict=True), 1)
    ]
    good = [pool for pool, fault in judged if fault is None]
    faults = tuple(fault for _, fault in judged if fault)
    if faults and not good:
        none = f"{where}: none of its {count(len(faults), 'node pool')} can be read"
        return Entry(cluster, where, Unreadable("Unintelligible", none, None), faults)
    read = read_cluster({**item, "properties": {**properties, "agentPoolProfiles": good}})
    return Entry(cluster, where, read, (*faults, *_repeated(read, where)))


def _differ(item: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Say whether an entry has pools of its own beside those of its properties, such as a column of a query."""
    beside = arm_properties(item).get("agentPoolProfiles")
    return "agentPoolProfiles" in item and not same(beside, arm_properties(own).get("agentPoolProfiles"))


def _misspelled(item: Mapping[str, Any]) -> str:
    """Say why there are no pools."""
    for name in item:
        if name.lower() == "agentpoolprofiles":
            return f"it has `{name}`, and names are read in the spelling of ARM or the Azure CLI alone"
    return "its node pools are not in the file"


def _repeated(cluster: Cluster, where: str) -> Iterator[Finding]:
    for name, times in Counter(pool.name for pool in cluster.pools).items():
        if times > 1:
            message = f"{where}: node pool {name} stands there {times} times: the worst verdict of them is shown"
            yield Finding("readable", ComplianceState.UNKNOWN, "Contradictory", message)


def _pool_fault(profile: Any, number: int, where: str) -> Finding | None:
    try:
        if isinstance(profile, dict):
            name = profile.get("name")
            pool_name(name if isinstance(name, str) else "")
            if not isinstance(profile, _Contradictory):
                return None
            fault = profile.said
        else:
            fault = f"it is {_looks(profile)}"
    except ValueError as error:
        fault = str(error)
    message = f"{where}: its node pool number {number} can't be read and is not judged: {fault}"
    return Finding("readable", ComplianceState.UNKNOWN, "Unintelligible", message)


def _unread(cluster: ClusterId | None, where: str, message: str) -> Entry:
    return Entry(cluster, where, Unreadable("Unintelligible", message, None))


def _looks(value: Any) -> str:
    """Describe a JSON value by what it is, never by its content: a file may hold secrets."""
    match value:
        case {"error": _}:
            return "an error of Azure instead of an answer"
        case {"data": {"columns": _, "rows": _}}:
            return "a Resource Graph answer as a table: ask for `resultFormat` objectArray"
        case {"apiVersion": _, "kind": _}:
            return "a Kubernetes object"
        case {"type": str(kind)} if kind.lower().endswith("/agentpools"):
            return "an agent pool: `az aks nodepool list` shows no cluster, `az aks list` shows all pools"
        case dict() if value:
            names = ", ".join(repr(str(name)[:40]) for name in list(value)[:_SHOWN])
            return f"an object with {names}{' ...' if len(value) > _SHOWN else ''}"
        case list():
            return "a list"
        case str():
            return "a text"
        case _:
            return f"{json.dumps(value)[:40]}"
