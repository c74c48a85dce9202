"""The immutability policies of blob containers as ARM shows them.

Source: Microsoft.Storage, BlobContainers_GetImmutabilityPolicy (`properties.immutabilityPeriodSinceCreationInDays`,
`properties.state`: Locked or Unlocked). Whether a container without a policy answers 404 or 0 days is not known: the
product takes either, and this face can be told to say each.
"""

from local.faces.arm import Context, Route
from local.faces.http import Response, answer
from local.world.errors import ArmError


def get_policy(context: Context) -> Response:
    """Answer a container's policy."""
    names = (context.params[name].lower() for name in ("a", "c"))
    found = context.world.immutability.get("/".join(names))
    if found is None:
        text = "The specified container does not exist, or has no immutability policy."
        raise ArmError(404, "ContainerOperationFailure", text)
    days, state = found
    kind = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
    properties = {"immutabilityPeriodSinceCreationInDays": days, "state": state, "allowProtectedAppendWrites": False}
    return answer(
        {"id": context.request.path, "name": "default", "type": kind, "etag": '"8d1"', "properties": properties}
    )


ROUTES = (
    Route(
        "immutabilityPolicies.get",
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Storage/storageAccounts/{a}"
        "|/blobServices/default/containers/{c}/immutabilityPolicies/default",
        "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/read",
        "storageAccounts",
        get_policy,
    ),
)
