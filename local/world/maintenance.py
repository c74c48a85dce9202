"""What clients do to a cluster's maintenance configurations: at once, without an operation and without an eTag.

Captured (tests/data/arm/recorded.maintenanceConfigurations.json): null and empty properties are left out, and a
maintenance window without a start date gets the date of the PUT. Whether that is a day in UTC or of the window's
offset can't be told from it; here it is UTC. What AKS refuses, and how, is not captured: nothing is refused.
"""

from datetime import datetime

from local.world.errors import ArmError
from local.world.model import Cluster, Json


def put(cluster: Cluster, name: str, body: Json, now: datetime) -> str:
    """Create or replace a configuration; return its name as it was written first: ARM's names have no case."""
    known = _known(cluster, name) or name
    properties = {key: value for key, value in (body.get("properties") or {}).items() if value}
    if window := properties.get("maintenanceWindow"):
        given = {key: value for key, value in window.items() if value is not None}
        properties["maintenanceWindow"] = {"startDate": now.date().isoformat(), **given}
    cluster.maintenance[known] = properties
    return known


def find(cluster: Cluster, name: str) -> str:
    """Return a configuration's name as it was written; raise ArmError (404)."""
    if known := _known(cluster, name):
        return known
    # the code is AKS's general one; the text is not captured
    raise ArmError(404, "NotFound", f"Could not find the maintenance configuration: {name}.")


def delete(cluster: Cluster, name: str) -> bool:
    """Take a configuration away; return whether it was there."""
    known = _known(cluster, name)
    if known:
        del cluster.maintenance[known]
    return known is not None


def _known(cluster: Cluster, name: str) -> str | None:
    return next((each for each in cluster.maintenance if each.lower() == name.lower()), None)
