"""What a look is to do: at most one action, and why what else is due has to wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class ActionKind(StrEnum):
    """The remediation steps."""

    ENABLE_FIPS = "enable_fips"
    DISABLE_FIPS = "disable_fips"
    CHANGE_OS_SKU = "change_os_sku"
    """To an image whose modules are validated; FIPS stays on."""
    REPLACE = "replace"
    """By a new pool, where the old one can't be switched in place."""


class Method(StrEnum):
    """How a step is taken; but for an update, all are parts of a replacement."""

    UPDATE = "update"
    """PUT of the pool, with If-Match."""
    CREATE = "create"
    """PUT of the pool's twin, with If-None-Match `*`."""
    ADOPT = "adopt"
    """Nothing is sent: the twin is there, and only its replacement was forgotten."""
    DRAIN = "drain"
    """Nothing is sent to ARM: nodes are cordoned, pods evicted."""
    DELETE = "delete"
    """DELETE of the pool, with If-Match."""


@dataclass(frozen=True, slots=True)
class Action:
    """One remediation step on one pool; it is taken only on the read that it was decided on."""

    kind: ActionKind
    pool: str
    etag: str
    """The pool's eTag in the read: goes into If-Match."""
    changes: Mapping[str, Any] = field(hash=False)
    """What it changes, by ARM's names, such as `{"enableFIPS": true}`."""
    body: Mapping[str, Any] = field(repr=False, hash=False)
    """The whole PUT body, made from the same read."""
    nodes: int | None = None
    """Nodes that it disrupts, for the budget; None if ARM gave no count."""
    ring: str = ""
    """Name of the pool's ring; empty if it is in none."""
    skip_soak: bool = False
    """The pool is new, and the policy lets new pools into a ring that is closed."""
    approvals: tuple[str, ...] = ()
    """Fingerprints of the approvals that it uses up."""
    before: datetime | None = None
    """When the window closes or an exemption begins: it must have begun before that; None if neither will."""
    method: Method = Method.UPDATE
    target: str = ""
    """Name of the twin, where that is what is made; empty: the pool itself."""

    @property
    def on(self) -> str:
        """The pool that is sent to."""
        return self.target or self.pool


@dataclass(frozen=True, slots=True)
class Deferral:
    """A step that is due but not taken."""

    pool: str
    reason: str
    message: str
    until: datetime | None = None
    """When to look again for it; None if only somebody's change will help."""
    approval: str = ""
    """Fingerprint of what a person would approve; empty where that is not what is missing."""
    dated: bool | None = None
    """`until` is a time that stays, before which the step is not taken; null where a version did not say so."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An owner is to be told that a reimage comes."""

    pool: str
    owner: str
    """Mail address; empty if nobody is named: then only the channels are told."""
    until: datetime
    """When it may begin."""
    objection: str
    """The tag by which the owner objects."""
    said: str = ""
    """Fingerprint of what it says but for the time: the step, who is told and how to object."""
    kind: ActionKind = ActionKind.ENABLE_FIPS


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look will do: at most one action, and why the other due steps wait."""

    action: Action | None
    deferrals: tuple[Deferral, ...]
    requeue_after: timedelta | None
    """When the cluster should be looked at again; None: resync is soon enough."""
    notices: tuple[Notice, ...] = ()
    """Owners who are to be told now that a reimage comes."""
    barred: tuple[str, ...] = ()
    """Pools whose step nobody wants or AKS would refuse: whoever was told of it has to be told anew."""
