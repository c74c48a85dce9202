"""Whether a pool's twin could ever be proven: what the checks say of it that need no node, before it is made.

Pure. What they don't call compliant then would hold the replacement for ever, with two pools' nodes to pay.
"""

from shared.domain import checks, images
from shared.domain.capability import release_if_switched
from shared.domain.model import ComplianceState
from shared.domain.posture import Finding
from shared.domain.subject import Subject, decided

_PROVEN = (ComplianceState.COMPLIANT, ComplianceState.NOT_APPLICABLE)


def never_proven(twin: Subject) -> Finding | None:
    """Return what would keep a twin from being compliant however its nodes answer; None if nothing is known.

    Its node image is not known before there is one: it is judged by the release that it would get. An exemption is of
    no help: what it excuses is exempt, and not proven.
    """
    release = release_if_switched(twin.pool)
    found = (
        decided(twin),
        checks.flag(twin),
        checks.capable(twin),
        checks.cluster_setting(twin),
        images.standing(twin, release, "would get"),
    )
    return next((one for one in found if one and one.state not in _PROVEN), None)
