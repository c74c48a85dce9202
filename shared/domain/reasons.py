"""The reasons that findings can have, so that an exemption that covers a reason nobody gives is a fault.

Held to their sources by tests/unit/test_reasons.py. What ARM answers with a code that `arm_errors` has no row for gives
that code as the reason: those are no closed set, and no exemption can cover them by name.
"""

from shared.domain.arm_errors import TABLE

_OF_CHECKS = (
    *("ClusterFipsContradicted", "Contested", "FipsByDefault", "FipsDisabled", "FipsEnabled", "FipsForbidden"),
    *("FipsOff", "FlagSettlesNothing", "FlagUnreadable", "ImageFips", "ImageIsFips", "ImageNotFips"),
    *(
        "ModulesHistorical",
        "ModulesUnknown",
        "ModulesValidated",
        "MonitoringAgentOld",
        "OperationInProgress",
    ),
    *("MonitoringAgentUnknown", "FieldUnreadable", "ImageContradictsFlag", "ImageUnknown", "OsContradictory"),
    *("BeingReplaced", "ReplacementStuck", "ReplacementForgotten", "TwinGone"),
    *(
        "OsSkuUnknown",
        "OsTypeUnknown",
        "ProvisioningCanceled",
        "ProvisioningFailed",
        "ReleaseRetiring",
        "ReleaseUnknown",
    ),
    *("Aborted", "Canceled", "OperationStuck", "RemediationFailed", "VersionUnreadable"),
)
_OF_RISKS = ("SmbVolumes", "PdbBlocked", "UnmanagedPods", "LocalData", "WorkloadsUnreadable")
_OF_CAPABILITY = (
    *("Arm64Incapable", "ConfidentialVmIncapable", "KubernetesTooOld", "OsRetired", "OsSkuIncapable"),
    *("OsSkuNotChangeable", "OsSkuNotOffered", "PodSandboxingIncapable", "TrustedLaunchIncapable"),
    *("TrustedLaunchMissing", "WindowsNotUpdatable"),
)
_OF_PROOFS = (
    *("CountUnreadable", "ETagMissing", "NoNodes", "NodesDespiteCount", "NodesDisagree", "NodesMissing"),
    *("NodesProven", "NodesUnanswered"),
    *("NodesUnreadable", "NoEntra", "VirtualNodes", "WayNotAllowed"),
    *("ProofExpired", "ProofLevelMissing", "ProofMissing", "ProofSettling", "Stopped", "WindowsProofMissing"),
)
OF_CLUSTERS = frozenset(
    {
        *("ClusterCanceled", "ClusterFailed", "ClusterGone", "NoNodePools", "PoolsMissing"),
        *("NodesOutsidePools", "NodesOutsidePoolsProven", "NodesOutsidePoolsUnread"),
    }
)
"""Those that are found of a cluster, and of none of its node pools."""
_OF_BOTH = ("ExemptionExpired", "ExemptionExpiring", "NothingAsked")
_OF_READS = (
    *("Contradictory", "Unintelligible", "Unreachable"),
    *("KubernetesError", "KubernetesForbidden", "KubernetesUnauthenticated"),
    *(row.reason for row in TABLE),
)

REASONS: tuple[str, ...] = tuple(
    sorted({*_OF_CHECKS, *_OF_RISKS, *_OF_CAPABILITY, *_OF_PROOFS, *OF_CLUSTERS, *_OF_BOTH, *_OF_READS})
)
"""Every reason of a finding that this version knows by name, in the order of the alphabet."""
