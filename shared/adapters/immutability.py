"""The immutability policies of the evidence account's containers, through ARM, as whoever is signed in."""

from shared.adapters.arm import Arm, classified
from shared.domain.model import Unreadable
from shared.domain.protection import Protection, read_protection

API = "2023-01-01"
"""As in infra/modules/evidence-storage.bicep."""


def container_protection(arm: Arm, account: str, container: str) -> Protection | Unreadable:
    """Ask for a container's policy; `account` is the storage account's ARM id.

    Whether ARM answers 404 or 0 days where there is none is not known: a 404 that names neither the account nor its
    group as missing counts as none.
    """
    from azure.core.exceptions import HttpResponseError

    path = f"{account}/blobServices/default/containers/{container}/immutabilityPolicies/default?api-version={API}"
    try:
        return read_protection(arm.get_json(account.split("/")[2], path))
    except HttpResponseError as error:
        found = classified(error)
        missing = ("ResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound", "ContainerNotFound")
        if found.status == 404 and found.code not in missing:
            return Protection(0, "")
        return Unreadable(found.reason, found.message, found.retry_after)
    except ValueError as error:
        return Unreadable("Unintelligible", str(error), None)
