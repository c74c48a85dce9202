"""What the text of an error of AKS names: the pod and its budget, the quota, the subnet, the policy, the lock.

Texts change without notice: what can't be found in one is left out, and the text itself is always told as well. The
shapes are those of tests/data/arm/ends.real_and_documented.json, which says where each was seen.
"""

import re
from collections.abc import Callable, Mapping

_NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_PREFIX = r"[0-9a-fA-F.:]{2,45}/\d{1,3}"
_FOUND = Mapping[str, str]

_SHAPES: Mapping[str, tuple[re.Pattern[str], ...]] = {
    reason: tuple(re.compile(shape) for shape in shapes)
    for reason, shapes in {
        "PdbBlocked": (
            rf"[Dd]rain(?: node| of) (?P<node>{_NAME})",
            rf"(?:evicting|Too many req) pod (?P<pod>{_NAME})",
            rf"(?P<namespace>[a-z0-9-]{{1,63}})/(?P<pod>{_NAME}) blocked by pdb (?P<budget>{_NAME})",
            rf"PDB (?P<namespace>[a-z0-9-]{{1,63}})/(?P<budget>{_NAME}) has max",
        ),
        "DrainFailed": (rf"[Dd]rain(?: node| of) (?P<node>{_NAME})", rf"evicting pod (?P<pod>{_NAME})"),
        "QuotaExceeded": (
            r"quota requested (?P<needed>\d+), remaining (?P<left>\d+) for family",
            r"for family (?P<family>\w+(?: \w+){0,3}?)(?: for region (?P<region>\w+)|[.,]|$)",
            r"quota left for location (?P<region>\w+)\.",
            r"left regional vcpu quota (?P<left>\d+), requested quota (?P<needed>\d+)",
            r"exceeding approved (?P<family>\w+(?: \w+){0,4}?) quota",
            r"quota limits of (?P<family>\w+)\.",
            r"Location: (?P<region>\w+)",
            r"(?:Current Limit|Maximum allowed): (?P<limit>\d+)",
            r"Current (?:Usage|in use): (?P<used>\d+)",
            r"Additional (?:Required|requested): (?P<needed>\d+)",
        ),
        "SubnetFull": (
            r"IPs (?P<needed>\d+) exceeds IPs available (?P<left>\d+)",
            rf"in Subnet Cidr (?P<prefix>{_PREFIX})(?:, Subnet Name (?P<name>\w(?:[\w.-]{{0,78}}\w)?))?",
            rf"(?P<name>[\w.-]{{1,80}}) with address prefix (?P<prefix>{_PREFIX})",
            r"enough capacity for (?P<needed>\d+) IP",
        ),
        "PolicyDenied": (
            r"policyAssignment[\\\":{ ]+name[\\\": ]+(?P<assignment>[^\"\\]{1,200})",
            r"Policy assignment: (?P<assignment>[^;]{1,200});",
        ),
        "Locked": (r"scope\(s\) are locked: '(?P<scope>[^']{1,400})'",),
        "AllocationFailed": (r"Constraints applied are:\s*(?P<constraints>[^\"]{1,200})", r"(?P<zone>in this zone)"),
    }.items()
}


def culprit(reason: str, text: str) -> str:
    """Return a sentence that names what an error of a reason is about; empty if its text does not say."""
    found: dict[str, str] = {}
    for shape in _SHAPES.get(reason, ()):
        if match := shape.search(text):
            found |= {name: value.strip() for name, value in match.groupdict().items() if value}
    return _SENTENCES[reason](found) if found else ""


def _budget(found: _FOUND) -> str:
    inside = f"{found['namespace']}/" if "namespace" in found else ""
    who = f"The disruption budget {inside}{found['budget']}" if "budget" in found else "A disruption budget"
    if "pod" not in found:
        return f"{who} allows no disruption."
    return f"{who} keeps pod {inside}{found['pod']}{_on(found)} from being evicted."


def _drain(found: _FOUND) -> str:
    if "pod" in found:
        return f"Pod {found['pod']}{_on(found)} was not evicted in time."
    return f"Node {found['node']} was not drained in time."


def _on(found: _FOUND) -> str:
    return f" on node {found['node']}" if "node" in found else ""


def _quota(found: _FOUND) -> str:
    of = f"The quota {found['family']}" if "family" in found else "The quota of regional vCPUs"
    where = f" in {found['region']}" if "region" in found else ""
    left = f", {found['left']} are left" if "left" in found else ""
    used = f", {found.get('used', 'some')} of {found['limit']} are used" if "limit" in found else ""
    needed = f": {found['needed']} more are needed{left}{used}" if "needed" in found else ""
    return f"{of}{where} is used up{needed}."


def _subnet(found: _FOUND) -> str:
    which = " ".join(("Subnet", *(found[key] for key in ("name", "prefix") if key in found)))
    needed = f": {found['needed']} addresses are needed" if "needed" in found else ""
    return f"{which} has too few free addresses{needed}{_left(found)}."


def _left(found: _FOUND) -> str:
    return f", {found['left']} can be had" if "left" in found else ""


def _allocation(found: _FOUND) -> str:
    if "constraints" in found:
        return f"Azure has no machine that meets all of: {' '.join(found['constraints'].split())}."
    return "The zone has no room for the pool's VM size."


_SENTENCES: Mapping[str, Callable[[_FOUND], str]] = {
    "PdbBlocked": _budget,
    "DrainFailed": _drain,
    "QuotaExceeded": _quota,
    "SubnetFull": _subnet,
    "PolicyDenied": lambda found: f"The policy assignment {found['assignment']} denies it.",
    "Locked": lambda found: f"The lock lies on {found['scope']}.",
    "AllocationFailed": _allocation,
}
