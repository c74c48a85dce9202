"""What can be judged, but neither compared nor played forward: nobody could say which of its pools a step is about."""

from collections.abc import Mapping
from typing import Any

from shared.domain.model import Cluster

_DEEPEST = 100


def unfit(cluster: Cluster) -> str:
    """Return why a cluster counts as unread where steps are made up for its pools; empty if it need not."""
    names = [pool.name for pool in cluster.pools]
    for name in names:
        if names.count(name) > 1:
            return f"Node pool {name} stands there {names.count(name)} times: which is right can't be known."
    if any(_is_deep(pool.body, _DEEPEST) for pool in cluster.pools):
        return "Its properties are nested too deeply to be judged."
    return ""


def _is_deep(value: Any, room: int) -> bool:
    """Say whether a JSON value is nested more deeply than anything that AKS sends."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return room == 0 or any(_is_deep(each, room - 1) for each in inner)
