"""What a probe's pod says: an answer that counts, or why there is none.

Only a clear 1 is a yes and only a clear 0 a no. Everything else, above all what may be from another boot or another
proof, is no answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.probes import CONTAINER, NODE_LABEL, PROVIDERS, REGISTRY_EXIT, Method, Question

CLOCKS_APART = timedelta(minutes=5)
"""How far a node's clock may be behind ours; the proof's id in the answer is what binds it to the proof."""
_SAID = re.compile(r"fips=(?P<fips>\d*) boot=(?P<boot>\S*) proof=(?P<proof>\S+)")
_KEY = re.compile(r"HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa\\FIPSAlgorithmPolicy", re.IGNORECASE)
"""The line that `reg query` prints above the values of the key that was asked."""
_VALUE = re.compile(r"\s*Enabled\s+REG_DWORD\s+0x(?P<value>[0-9a-fA-F]+)\s*")
_WITHOUT_PROVIDERS = re.compile(r"AKSUbuntu-(?:1804|2004)(?!\d)", re.IGNORECASE)
"""Images whose OpenSSL is 1.1: providers came with OpenSSL 3 (openssl.org, "OpenSSL 3.0 migration guide")."""
_ABSENT = "unable to find the specified registry key or value"
_HOPELESS = ("InvalidImageName", "ErrImageNeverPull")


@dataclass(frozen=True, slots=True)
class ProbePod:
    """Of a pod in Kubernetes' answer what counts."""

    name: str
    node: str
    """`spec.nodeName`."""
    uid: str
    """The node's uid when the pod was made."""
    phase: str
    reason: str
    """The pod's own, such as `Evicted`, or else its container's, such as `StartError` where the image has no shell."""
    waiting: str
    """Why its container has not started, such as `ImagePullBackOff`; empty if it has."""
    exit_code: int | None
    """None if its container has not ended."""
    message: str
    """The termination message, or what is said of the pod or of the waiting."""
    started: datetime | None
    digest: str
    """Of the image that ran (`imageID`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node said, for the verdict and the evidence."""

    node: str
    uid: str
    boot: str
    method: Method
    fips: bool | None = None
    """None: it has not said yes or no."""
    value: str = ""
    """The raw value; empty without an answer."""
    why: str = ""
    """Why it is a no in spite of the value, or why there is no answer; or what a yes does not cover."""
    waits: bool = False
    """An answer may still come."""
    exit_code: int | None = None
    started: datetime | None = None
    digest: str = ""
    seen: str = ""
    """What else was seen on the host."""


def read_pod(item: Mapping[str, Any]) -> ProbePod:
    """Read one pod of a list; raises ValueError without a name."""
    metadata, status = _dict(item.get("metadata")), _dict(item.get("status"))
    name = metadata.get("name")
    if not isinstance(name, str):
        raise ValueError("a pod of the list has no name")  # noqa: TRY004 (bad input)
    container = _probe(status.get("containerStatuses"))
    state = _dict(container.get("state"))
    ended, waiting = _dict(state.get("terminated")), _dict(state.get("waiting"))
    code = ended.get("exitCode")
    said = ended.get("message") or waiting.get("message") or status.get("message")
    return ProbePod(
        name=name,
        node=_str(_dict(item.get("spec")).get("nodeName")),
        uid=_str(_dict(metadata.get("labels")).get(NODE_LABEL)),
        phase=_str(status.get("phase")),
        reason=_str(status.get("reason")) or _str(ended.get("reason")),
        waiting=_str(waiting.get("reason")),
        exit_code=code if isinstance(code, int) else None,
        message=_str(said)[:4096],
        started=_time(ended.get("startedAt")),
        digest=_str(container.get("imageID")),
    )


def _probe(containers: Any) -> Mapping[str, Any]:
    """Return the status of the container that asks; others may be put into the pod by the cluster (a sidecar)."""
    found = containers if isinstance(containers, list) else []
    return next((one for one in map(_dict, found) if one.get("name") == CONTAINER), {})


def read_answer(asked: Question, found: ProbePod, proof: str, began: datetime) -> Answer:
    """Say what a node's pod has answered; `asked` holds the node as it is now."""
    node = asked.node
    answer = Answer(node.name, node.uid, node.boot, asked.method, digest=found.digest, started=found.started)
    if (found.node, found.uid) != (node.name, node.uid):
        return _silent(answer, "the pod is not one of this node")
    if found.exit_code is None:
        return _without_end(answer, found, asked.image)
    answer = replace(answer, exit_code=found.exit_code)
    if found.started is None or found.started < began - CLOCKS_APART:
        # Of a container that could not be started at all the runtime says 1970, `StartError` (containerd,
        # container_start.go) and why.
        why = f"the pod does not say that it started after the proof began: {found.started}, {found.reason}"
        return _silent(answer, f"{why}: {_short(found)}")
    if not node.uid or not node.boot:
        # The pod's name holds both, so that what was said on another machine or boot is not found: not without them.
        return _silent(answer, "Kubernetes does not say which machine the node is, or on which boot")
    if asked.method is Method.REGISTRY:
        return _registry(answer, found, proof)
    return _linux(answer, found, proof, asked)


def _without_end(answer: Answer, found: ProbePod, image: str) -> Answer:
    said = f": {found.message[:300]}" if found.message else ""
    if found.phase == "Failed":
        return _silent(answer, f"{found.reason or 'the pod failed'}{said}")
    if found.waiting:
        why = f"{found.waiting} (image {image}){said}"
        return replace(answer, why=why, waits=found.waiting not in _HOPELESS)
    return replace(answer, why=f"the pod is {found.phase or 'not there yet'}{said}", waits=True)


def _linux(answer: Answer, found: ProbePod, proof: str, asked: Question) -> Answer:
    node, said = asked.node, _SAID.match(found.message)
    if said is None or said["proof"] != proof:
        return _silent(answer, _unsaid(found))
    if said["boot"] != node.boot:
        return _silent(answer, f"it was answered on boot {said['boot']}, and the node is on boot {node.boot}")
    value = said["fips"]
    if (value, found.exit_code) not in (("1", 0), ("0", 1)):
        return _silent(answer, f"value {value!r} and exit code {found.exit_code} don't agree")
    answer = replace(answer, value=value, fips=value == "1")
    return _host(answer, found.message, asked) if answer.method is Method.HOST and answer.fips else answer


def _host(answer: Answer, message: str, asked: Question) -> Answer:
    """Judge what else the host's files say, where the kernel says yes."""
    node = asked.node
    # What the host's own programs print stands around that line: a second one of the kind says nothing.
    marker = [line for line in message.splitlines() if line.startswith("marker=")] == ["marker=1"]
    version = re.search(r"openssl=(.*)", message)
    openssl = version[1].strip() if version else ""
    found = _active(message)
    seen = f"{openssl}; active providers: {', '.join(found) or 'none'}; marker file: {'yes' if marker else 'no'}"
    answer = replace(answer, seen=seen)
    if not marker and _has_marker(asked):
        return replace(answer, fips=False, why="/etc/system-fips is not there")
    if openssl.startswith("OpenSSL 1."):
        if not _WITHOUT_PROVIDERS.match(node.image_label):
            return _silent(answer, f"{openssl} is not what the node's image ({node.image_label or 'not known'}) has")
        return replace(answer, why=f"{openssl} knows no providers: the kernel's value alone counts")
    if "Providers:" not in message:
        return _silent(answer, f"OpenSSL's providers can't be listed on the host: {message[-300:].strip()}")
    if not any(name.lower() in PROVIDERS for name in found):
        return replace(
            answer, fips=False, why=f"OpenSSL has no active FIPS provider, only {', '.join(found) or 'none'}"
        )
    return answer


def _has_marker(asked: Question) -> bool:
    """Say whether a node with FIPS has the marker file: Azure Container Linux, by whoever's word it is that."""
    named = (asked.os_sku, asked.node.os_sku, asked.node.os_sku_effective)
    return any(name.lower().startswith("azurecontainerlinux") for name in named)


def _active(message: str) -> list[str]:
    """Return the ids of the providers that `openssl list -providers` calls active.

    An id stands alone on its line; what is said of it stands below, as `name: value`.
    """
    found: list[str] = []
    current = ""
    for line in message.partition("Providers:")[2].splitlines():
        name, colon, value = line.strip().partition(":")
        if name and not colon:
            current = name
        elif (name, value.strip()) == ("status", "active"):
            found.append(current)
    return found


def _registry(answer: Answer, found: ProbePod, proof: str) -> Answer:
    lines = [line.strip() for line in found.message.splitlines()]
    if found.exit_code != REGISTRY_EXIT or f"proof={proof}" not in lines:
        return _silent(answer, _unsaid(found))
    values = [value for line in _under_key(lines) if (value := _VALUE.fullmatch(line))]
    if len(values) == 1:
        (value,) = values
        number = int(value["value"], 16)
        answer = replace(answer, value=f"{number:#x}")
        if number not in (0, 1):
            return _silent(answer, f"the registry's value is {number:#x}, which is neither on nor off")
        return replace(answer, fips=number == 1)
    if not values and _ABSENT in found.message:
        return replace(answer, value="absent", fips=False, why="the registry has no value FIPSAlgorithmPolicy, Enabled")
    return _silent(answer, f"the registry was not read: {_short(found)}")


def _unsaid(found: ProbePod) -> str:
    reason = f" ({found.reason})" if found.reason else ""
    return f"the pod ended with {found.exit_code}{reason} and did not say what was asked: {_short(found)}"


def _under_key(lines: Sequence[str]) -> Sequence[str]:
    """Return what `reg query` printed of the key that was asked, and of no other."""
    at = next((number for number, line in enumerate(lines, 1) if _KEY.fullmatch(line)), len(lines))
    return lines[at:]


def _short(found: ProbePod) -> str:
    return repr(found.message[:300])


def _silent(answer: Answer, why: str) -> Answer:
    return replace(answer, fips=None, why=why)


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(_str(value))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
