"""What evidence does not say: every pack states it, so that nothing is implied."""

LIMITS = (
    "The cryptography in container images is not assessed, nor what applications bring with them.",
    "The managed control plane of AKS is not assessed.",
    "FIPS that is on and modules that are validated are two things: each is recorded by itself.",
    "The crypto of the app that wrote the records is not claimed to run on a validated module.",
    "A node's administrator can make it lie: a proof speaks of nodes that are managed, not of nodes under attack.",
    "Whoever can write all of the evidence account could write anew what no manifest kept elsewhere vouches for.",
)
