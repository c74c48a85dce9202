"""What evidence does not say: every pack states it, so that nothing is implied."""

_BOTH = (
    "The cryptography in container images is not assessed, nor what applications bring with them.",
    "The managed control plane of AKS is not assessed.",
    "FIPS that is on and modules that are validated are two things: each is told by itself.",
    "The crypto of the app that wrote the records is not claimed to run on a validated module.",
    "A node's administrator can make it lie: a proof speaks of nodes that are managed, not of nodes under attack.",
)
SHORT_LIMITS = _BOTH[:3]
"""What each event says, where there is no room for more."""
LIMITS = (
    *_BOTH,
    "Whoever can write all of the evidence account could write anew what no manifest kept elsewhere vouches for.",
)
"""What no pack of evidence may be taken to say."""
REPORT_LIMITS = (
    *_BOTH,
    "What a control means here is a reading of ours; whether it is met is for an assessor to say.",
)
"""What no report may be taken to say."""
