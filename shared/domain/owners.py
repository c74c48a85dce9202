"""Who answers for a node pool, or for what concerns no single one: by a tag, or else by the policy."""

from collections.abc import Mapping

from shared.domain.discreet import ADDRESS, discreet
from shared.domain.model import Cluster
from shared.domain.posture import Posture
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Notice

OWNER_TAG = "owner"
"""The tag that names the owner where no policy says otherwise (`notice.owner_tag`)."""


def owner(notice: Notice | None, *tags: Mapping[str, str]) -> str:
    """Return whom the first of some tags names, as evidence holds them, or else the policy; empty if nobody does."""
    tag = (notice.owner_tag if notice else OWNER_TAG).lower()
    each = (item for some in tags for item in some.items())
    found = next((value.strip() for name, value in each if name.lower() == tag and value.strip()), "")
    # Evidence holds no mail address; the tag itself does.
    return f"whoever the tag `{tag}` names" if found == ADDRESS else found or (notice.owner if notice else "")


def owners(read: Cluster, posture: Posture, rules: Rulebook) -> list[str]:
    """Return who answers for each pool of a cluster, and for the cluster beside them, as reports say it."""
    tags, policy = {pool.name: discreet(pool.tags) for pool in read.pools}, rules.policy
    named = [(policy.rule_called(one.rule, one.line), tags.get(one.pool, {})) for one in posture.pools]
    each = [*named, (policy.rule_outside(read), {})]
    return [owner(rule.settings.notice if rule else None, own, discreet(read.tags)) for rule, own in each]
