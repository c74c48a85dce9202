"""Heads of all chains as the app remembers them: in the posture rows, and in the rows of the two other chains."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.records import FLEET, MANIFESTS, Head
from shared.ports import Table

PARTITION = "fleet"
KEYS: Mapping[str, str] = {FLEET: "chain", MANIFESTS: "manifests"}
"""In the table `rollout`: where the heads of the chains lie that are no cluster's."""


@dataclass(frozen=True, slots=True)
class _Kept:
    head: Head = field(default_factory=Head)


def known_heads(postures: Table, rollout: Table) -> dict[str, Head]:
    """Return the heads by path of the chain, of clusters that are gone too; raises what the storage raises."""
    found = {}
    for row in postures.rows(("armId", "seq", "hash")):
        path = ClusterId.parse(str(row.columns["armId"])).path
        found[path] = Head(int(str(row.columns["seq"])), str(row.columns["hash"]))
    for chain in KEYS:
        if (head := kept_head(rollout, chain)).seq:
            found[chain] = head
    return found


def kept_head(rollout: Table, chain: str) -> Head:
    """Return the head of a chain that is no cluster's, as far as it is known."""
    row = rollout.read(PARTITION, KEYS[chain])
    return typed(_Kept, row.doc).head if row else Head()
