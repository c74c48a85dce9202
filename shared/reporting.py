"""Reads stored evidence into an assessment, which every report is made from; nothing is written."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from shared.archive import RECORDS, SNAPSHOTS, Archive, each
from shared.domain.assessment import Assessment
from shared.domain.fleet_assessment import Asked, Chains, Fleet
from shared.domain.linked import Stored
from shared.domain.pack import ADDED, SUMS, Scope, Sums
from shared.domain.records import FLEET, MANIFESTS
from shared.domain.verification import Fault, place_of


def assess(archive: Archive, asked: Asked, progress: Callable[[int], None] = lambda _: None) -> Assessment:
    """Assess what an archive holds; raises what the storage raises.

    Records are read once, chain by chain: what is kept of a chain does not grow with its length, but for the changes
    and remediations of the period.
    """
    fleet = Fleet(asked)
    fleet.manifests(_stored(archive, f"{RECORDS}{MANIFESTS}/", progress))
    if fleet.series and not asked.scope.cluster:
        fleet.covered(fleet.series, _there(archive, f"{SNAPSHOTS}{fleet.series.name}"))
    for manifest, named in fleet.snapshots:
        fleet.looked(manifest, named, _there(archive, f"{SNAPSHOTS}{named.name}"))
    fleet.own(_stored(archive, f"{RECORDS}{FLEET}/", progress))
    fleet.clusters(_chains(archive, asked, progress))
    return fleet.assessed()


def pack_faults(
    archive: Archive, sums: Sums, held: Scope, progress: Callable[[int], None] = lambda _: None
) -> tuple[str, ...]:
    """Hold every file of a pack to SHA256SUMS and to what the pack says that it holds; raises what the storage raises.

    Returns what is wrong, as sentences. Beforehand and not while it is assessed: what nobody would read for a report
    must neither have been changed nor lie in it.
    """
    added = []
    for name, data in each(archive, (name for name in archive.names() if name != SUMS)):
        progress(1)
        sums.take(name, hashlib.sha256(data).hexdigest())
        if held.cluster and _is_of_others(name, held):
            added.append(Fault(name, ADDED))
    sums.end()
    return tuple(_gathered([*sums.faults, *added]))


def _is_of_others(name: str, held: Scope) -> bool:
    """Say whether a pack of one cluster can't have such a file: to narrow an index must not hide records."""
    if not name.startswith(RECORDS):
        return name.startswith(SNAPSHOTS)
    place = place_of(name)
    return place is None or not (place[0] == MANIFESTS or held.has(place[0]))


def _gathered(faults: Iterable[Fault]) -> Iterator[str]:
    """Yield a sentence for all files of a folder of which the same is wrong: one for each would bury other gaps."""
    alike = defaultdict[tuple[str, str], list[str]](list)
    for fault in faults:
        folder, _, file = fault.name.rpartition("/")
        alike[folder, fault.said].append(file)
    for (folder, said), files in alike.items():
        where = f"{folder}/" if folder else ""
        if len(files) == 1:
            yield f"{where}{files[0]} {said}"
        else:
            yield f"each of {len(files)} files of {where or 'the pack'} (the first is {files[0]}) {said}"


def _there(archive: Archive, name: str) -> bytes | None:
    try:
        return archive.data(name)
    except FileNotFoundError:
        return None


def _stored(archive: Archive, prefix: str, progress: Callable[[int], None]) -> Iterator[Stored]:
    yield from _counted(archive, archive.names(prefix), progress)


def _counted(archive: Archive, names: Iterable[str], progress: Callable[[int], None]) -> Iterator[Stored]:
    for stored in each(archive, names):
        progress(1)
        yield stored


def _chains(archive: Archive, asked: Asked, progress: Callable[[int], None]) -> Chains:
    prefix = f"{RECORDS}{asked.scope.cluster}/" if asked.scope.cluster else RECORDS
    own = (f"{RECORDS}{MANIFESTS}/", f"{RECORDS}{FLEET}/")
    names = (name for name in archive.names(prefix) if not name.startswith(own))
    read = _counted(archive, names, progress)
    yield from groupby(read, key=lambda one: one[0].removeprefix(RECORDS).rpartition("/")[0])
