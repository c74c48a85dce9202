"""How operations of AKS fail: codes and texts as they are documented or were seen, ready to be injected.

    world.faults.add(Fault(failures.SUBNET_IS_FULL, method="PUT", kind="agentPools"))

The names in the texts (node, pod, budget, subnet) are placeholders of their sources; the functions take one's own.
SUP is MicrosoftDocs/SupportArticles-docs, support/azure/azure-kubernetes.
"""

from local.world.faults import Answer, CancelOperation, FailOperation


def drain_failure(node: str, pod: str, budget: str) -> FailOperation:
    """Return the failure of a drain that a budget blocked; `pod` and `budget` are `namespace/name`.

    Text: SUP create-upgrade-delete/error-code-poddrainfailure.md, and azure-aks-docs (upgrades): "blocked by pdb".
    Older operations said UpgradeFailed.
    """
    return FailOperation(
        "PodDrainFailure",
        f"Drain node {node} failed when evicting pod {pod} failed with Too Many Requests error. This is often caused "
        "by a restrictive Pod Disruption Budget (PDB) policy. See https://aka.ms/aks/debugdrainfailures. Original "
        "error: Cannot evict pod as it would violate the pod's disruption budget.. PDB debug info: "
        f"{pod} blocked by pdb {budget} with 0 unready pods.",
    )


def unsatisfiable_budget(budget: str) -> FailOperation:
    """Return what AKS says before it begins, spelt as there (SUP error-codes/unsatisfiablepdb-error.md)."""
    text = f"1 error occurred:\n\t* PDB {budget} has maxunavailble == 0 can't proceed with put operation\n\n"
    return FailOperation("UnsatisfiablePDB", text, after=0)


def quota_exceeded(limit: int, used: int, requested: int) -> FailOperation:
    """Return the failure of an operation that ran into the quota for cores.

    Text: SUP error-codes/quota-exceeded-error.md.
    """
    return FailOperation(
        "QuotaExceeded",
        f"Operation results in exceeding quota limits of Core. Maximum allowed: {limit}, Current in use: {used}, "
        f"Additional requested: {requested}",
        after=0,
    )


def subnet_is_full(subnet: str, prefix: str, addresses: int) -> FailOperation:
    """Return the failure of an operation that found no address for a node.

    Text: SUP error-codes/subnetisfull-error.md; the number: Azure/AKS#2119.
    """
    return FailOperation(
        "SubnetIsFull",
        f'VMSSAgentPoolReconciler retry failed: Code="SubnetIsFull" Message="Subnet {subnet} with address prefix '
        f'{prefix} does not have enough capacity for {addresses} IP addresses." Details=[]',
        after=0,
    )


def disallowed_by_policy(resource: str, assignment: str) -> FailOperation:
    """Return the denial of a policy, whose effect hits the scale set behind a pool.

    Text: SUP error-codes/requestdisallowedbypolicy-error.md.
    """
    policy = f"/providers/Microsoft.Authorization/policyAssignments/{assignment}"
    return FailOperation(
        "RequestDisallowedByPolicy",
        "Resource request failed due to RequestDisallowedByPolicy. Please see "
        "https://aka.ms/aks-requestdisallowedbypolicy for more details. The detailed error message: "
        f'Code="RequestDisallowedByPolicy" Message="Resource \'{resource}\' was disallowed by policy. Policy '
        f'identifiers: \'[{{"policyAssignment":{{"name":"{assignment}","id":"{policy}"}}}}]\'."',
        after=0,
    )


def node_group_locked(group: str, subscription: str) -> FailOperation:
    """Return the failure of an operation on a node resource group that has a lock.

    Text: Azure/AKS#3291; the code is in AKS's own list of codes, which of its three for locks comes here is not known.
    """
    return FailOperation(
        "ResourceGroupLocked",
        f"Resource group '{group}' under subscription: '{subscription}' is locked, please remove lock and retry. "
        "Please see http://aka.ms/azure-lock-resources",
        after=0,
    )


def scope_locked(resource: str, locked: str) -> FailOperation:
    """Return the failure of an operation whose write below it met a lock (text: Azure/azure-sdk-for-java#2560)."""
    return FailOperation(
        "ScopeLocked",
        f"The scope '{resource}' cannot perform write operation because following scope(s) are locked: '{locked}'. "
        "Please remove the lock and try again.",
    )


DRAIN = drain_failure("aks-nodepool1-12345678-vmss000000", "default/web-0", "default/web")
UNSATISFIABLE_BUDGET = unsatisfiable_budget("default/web")
QUOTA = quota_exceeded(100, 96, 8)
SUBNET_IS_FULL = subnet_is_full("aks", "10.224.0.0/24", 31)
POLICY = disallowed_by_policy("aks-nodepool1-12345678-vmss", "allowed-sizes")

# SUP error-codes/zonalallocation-allocationfailed-error.md; the last of the four was seen: jenkins-infra/helpdesk#4459
_HELP = (
    "Please note that allocation failures can also arise if a proximity placement group is associated with this VMSS. "
    "See https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/error-code-zonalallocationfailed-"
    "allocationfailed for more details. This is not AKS controlled behavior, please ask help to VMSS team for "
    "allocation failure."
)
ZONAL_ALLOCATION = FailOperation(
    "ZonalAllocationFailed",
    "Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. Read more about "
    f"improving likelihood of allocation success at https://aka.ms/allocation-guidance. {_HELP} If the error is due to "
    "capacity constrain, consider upgrade with maxUnavailable instead of maxSurge, details: aka.ms/aks/maxUnavailable.",
    after=0,
)
ALLOCATION = FailOperation(
    "AllocationFailed",
    "The VM allocation failed due to an internal error. Please retry later or try deploying to a different location. "
    f"{_HELP}",
    after=0,
)
_CONSTRAINTS = (
    "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too "
    "restrictive. Please remove some constraints and try again. Constraints applied are:\n"
)
OVERCONSTRAINED = FailOperation(
    "OverconstrainedAllocationRequest",
    f"Create or update VMSS failed. {_CONSTRAINTS}  - Differencing (Ephemeral) Disks\n"
    "  - Networking Constraints (such as Accelerated Networking or IPv6)\n  - VM Size\n",
    after=0,
)
OVERCONSTRAINED_ZONE = FailOperation(
    "OverconstrainedZonalAllocationRequest", f"{_CONSTRAINTS}  - Availability Zone\n  - VM Size\n", after=0
)

# SUP error-codes/aksoperationpreempted-error.md. Which end such an operation has, Failed or Canceled, is not said.
PREEMPTED = FailOperation(
    "AKSOperationPreempted",
    "This operation has been preempted by another operation with ID 00000000-0000-0000-0000-000000000000",
)
PREEMPTED_AND_CANCELED = CancelOperation(PREEMPTED.code, PREEMPTED.message)
PREEMPTED_BY_DELETE = FailOperation(
    "AKSOperationPreemptedByDelete", "This operation has been preempted by Deleting operation."
)

RUN_COMMAND_SLOW = Answer(
    # the text was seen (Azure/azure-cli#27776), the status wasn't
    400,
    "KubernetesPerformanceError",
    "Failed to run command due to cluster perf issue, container command-3e95f88a67b54ccbb4b0fc5e6b5cb859 in "
    "aks-command namespace did not start within 30s on your cluster, retry may helps. If issue persist, you may need "
    "to tune your cluster with better performance (larger node/paid tier).",
)
