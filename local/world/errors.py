"""The refusals of Azure as one exception, which the faces turn into either of the two error shapes."""


class ArmError(Exception):
    """A request that Azure answers with an error. It must never be raised after a change was made."""

    def __init__(  # one field per member of the error body
        self,
        status: int,
        code: str,
        message: str,
        *,
        gateway: bool = False,
        target: str = "",
        subcode: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.gateway = gateway
        """True for `{"error": {...}}` of the ARM gateway, False for the flat body of the AKS resource provider."""
        self.target = target
        self.subcode = subcode
        self.retry_after = retry_after


def not_found(resource_type: str, name: str, group: str) -> ArmError:
    """ARM's answer for a resource that isn't there (text: facts/examples/errors.real_and_documented.json)."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_type}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        gateway=True,
    )


def pool_not_found(name: str) -> ArmError:
    """Answer for a pool that isn't there; code and subcode are captured, the end of the text is not."""
    return ArmError(404, "NotFound", f"Could not find the agentpool: {name}.", subcode="GetAgentPool_NotFound")


def group_not_found(group: str) -> ArmError:
    """ARM's answer for a resource group that isn't there."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.", gateway=True)


def subscription_not_found(subscription: str) -> ArmError:
    """ARM's answer for a subscription that isn't there."""
    return ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.", gateway=True)


def nothing_to_abort(what: str) -> ArmError:
    """Answer for an abort that comes too late: 409 (the API's description); code and text are not captured."""
    return ArmError(409, "OperationNotAllowed", f"There is no operation in progress on {what} that can be aborted.")


_PENDING = (
    "is in progress, please wait for it to finish before starting a new operation. "
    "See https://aka.ms/aks-pending-operation for more details"
)


def busy(kind: str, pool: str | None, *, asks_for_pool: bool) -> ArmError:
    """AKS's 409 while another operation runs on the cluster; three documented texts (facts, section 3)."""
    if pool is None:
        text = f"Operation is not allowed: Another operation ({kind}) {_PENDING}"
    elif asks_for_pool:
        text = f"Operation is not allowed: Another agentpool operation ({pool} - {kind}) {_PENDING}"
    else:
        text = (
            f"Managed Cluster operation is not allowed: Another operation ({kind}) is in progress on "
            f"agent pool ({pool}), please wait for it to finish before starting a new operation. "
            "See https://aka.ms/aks-pending-operation for more details"
        )
    return ArmError(409, "OperationNotAllowed", text)
