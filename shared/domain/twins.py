"""The pool that takes the place of one that can't have FIPS: its name, its settings, and how it is recognised.

Pure. Whatever people have set is carried over as ARM shows it; where no twin is known to be possible, that is said.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.domain.capability import incapable, successor
from shared.domain.defaults import DEFAULTS, same
from shared.domain.memory import PoolMemory, Replacement, Stage
from shared.domain.model import READ_ONLY, Cluster, Pool
from shared.domain.policy import Policy, stricter
from shared.domain.posture import Finding
from shared.domain.provable import never_proven
from shared.domain.settings import Fips, OsSku
from shared.domain.subject import Subject

TAG = "fipswarden-replaces"
"""The twin's tag: `<old pool>:<id>`. By it the twin is found where the rollout row was lost."""
_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
_LONGEST, _LONGEST_WINDOWS = 12, 6
"""AKS, "Create node pools" (use-windows-containers): up to 12 characters on Linux, up to 6 on Windows."""
NOT_CARRIED = frozenset({*READ_ONLY, "name", "virtualMachineNodesStatus"})
"""What describes the old pool alone; the status of single machines is not marked as read-only by the SDK, and is."""
_VARIES = frozenset({"count", "minCount", "tags", "powerState", "enableFIPS", "osSKU", "orchestratorVersion"})
"""In what a twin may differ: what it is made for, what goes on by itself, and how many nodes it has at least, which
people raise to have it proven."""
_ASKS = {"enableFIPS": True}


@dataclass(frozen=True, slots=True)
class NoTwin:
    """Why a pool can't be replaced."""

    reason: str
    message: str


def twin_changes(subject: Subject) -> Mapping[str, Any]:
    """Return in what the twin differs from its pool, by ARM's names; empty if no twin is known to be possible."""
    os_sku = _os_sku(subject)
    return {**_ASKS, "osSKU": os_sku} if os_sku else {}


def _os_sku(subject: Subject) -> str:
    wanted = "" if subject.settings.os_sku is OsSku.KEEP else subject.settings.os_sku.value
    return successor(subject.pool, wanted, today=subject.now.date())


def impossible(subject: Subject, policy: Policy) -> NoTwin | None:
    """Say why a pool can't be replaced, or why that would come to no end; None if nothing is known against it."""
    pool, cluster = subject.pool, subject.cluster
    if pool.mode == "Gateway":
        # azure-docs, AKS, "istio-add-on-egress-gateway": one that they name is not to be deleted.
        message = f"{pool.name} is a gateway pool, which StaticGatewayConfigurations name: another one can't follow it."
        return NoTwin("GatewayPool", message)
    changes = twin_changes(subject)
    if not changes:
        cannot = incapable(pool, today=subject.now.date())
        why = cannot.why if cannot else "It can't have FIPS."
        return NoTwin("NoTwin", f"{why} No OS SKU is known with which a new pool of the same kind could.")
    if pool.body.get("creationData"):
        message = f"{pool.name} was made from a snapshot, whose image has no FIPS: make a pool from one that has."
        return NoTwin("TwinFromSnapshot", message)
    name = twin_name(pool, {one.name for one in cluster.pools})
    if not name:
        return NoTwin("NoTwinName", f"No name is free for a pool that replaces {pool.name}.")
    body = twin_properties(pool, changes)
    twin = replace(pool, name=name, enable_fips=True, os_sku=str(changes["osSKU"]), body=body)
    asked = stricter(policy.rule_for(cluster, twin), subject.settings)
    if asked.settings.fips is not Fips.REQUIRED:
        message = f"Rule {asked.name} would hold for {name}, and does not ask for FIPS there: it could not be proven."
        return NoTwin("TwinNotAsked", message)
    if pool.os_type == "Windows" and not asked.settings.proof.registry_image:
        needs = "`proof.windows_image` in the policy, and a level that asks them"
        message = f"{name} could not be proven: Windows nodes need {needs}."
        return NoTwin("TwinUnprovable", message)
    found = never_proven(replace(subject, pool=twin, rule=asked, memory=PoolMemory(), operation=None, replacement=None))
    if found:
        return NoTwin("TwinNotProvable", f"{name} would be {_in_words(found)}, and could never be proven.")
    return None


def _in_words(found: Finding) -> str:
    return f"{found.state.value.replace('_', '-')} ({found.message.rstrip('.')})"


def twin_name(pool: Pool, taken: Collection[str]) -> str:
    """Return a free name for a pool's twin, the same for the same names; empty if there is none."""
    longest = _LONGEST_WINDOWS if pool.os_type == "Windows" else _LONGEST
    for ending in ("f", *(f"f{number}" for number in range(2, 100))):
        name = pool.name[: longest - len(ending)] + ending
        if name not in taken and _NAME.fullmatch(name):
            return name
    return ""


def twin_properties(pool: Pool, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the twin is made with: all that is set on its pool, but for what makes it another one."""
    return {key: value for key, value in pool.body.items() if key not in NOT_CARRIED} | dict(changes)


def twin_body(pool: Pool, changes: Mapping[str, Any], replacement: str) -> Mapping[str, Any]:
    """Return the body of the PUT that makes a pool's twin."""
    properties = twin_properties(pool, changes)
    tags = {key: value for key, value in (properties.get("tags") or {}).items() if key.lower() != TAG}
    return {"properties": {**properties, "tags": {**tags, TAG: f"{pool.name}:{replacement}"}}}


def made_for(pool: Pool) -> tuple[str, str]:
    """Return whose twin a pool is, and by which replacement it was made; empty if it is nobody's."""
    tag = next((value for key, value in pool.tags.items() if key.lower() == TAG), "")
    old, _, replacement = tag.partition(":")
    return (old, replacement) if old and re.fullmatch(r"[0-9a-f]{32}", replacement) else ("", "")


def twin_of(cluster: Cluster, pool: str) -> Pool | None:
    """Return the pool that was made as a pool's twin, by its tag; None if there is none."""
    return next((one for one in cluster.pools if made_for(one)[0] == pool), None)


def differing(pool: Pool, twin: Pool) -> tuple[str, ...]:
    """Return the settings in which a pool is not what a twin of another one is made with, by ARM's names."""
    names = sorted((pool.body.keys() | twin.body.keys()) - NOT_CARRIED - _VARIES)
    mine, its = pool.body, twin.body
    return tuple(name for name in names if not same(name, mine.get(name), its.get(name), DEFAULTS.get(name)))


def remade(cluster: Cluster, pool: str, at: datetime) -> Replacement | None:
    """Return the replacement that a pool's twin tells of, where it was forgotten with the rollout row.

    What the pool was like when it began is not known any more: only its twin shows it.
    """
    old, twin = next((one for one in cluster.pools if one.name == pool), None), twin_of(cluster, pool)
    if old is None or twin is None:
        return None
    same = old.configuration if not differing(old, twin) else ""
    return Replacement(made_for(twin)[1], pool, twin.name, at, at, Stage.PROVING, configuration=same)
