"""What is refused before a pod is created: no namespace, a taken name, nonsense, and the Pod Security Standards.

The words are those of Kubernetes' pod-security-admission (policy/check_*.go).
"""

import re
from collections.abc import Iterator

from local.world.kube import refusals
from local.world.kube.processes import host_process
from local.world.kube.state import Json, Kube

_ENFORCE = "pod-security.kubernetes.io/enforce"
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_SAFE_VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
_SAFE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_PROFILES = ("RuntimeDefault", "Localhost")


def check(kube: Kube, namespace: str, name: str, spec: Json) -> None:
    """Raise Refusal for a pod that the API server doesn't take."""
    _check_shape(name, spec)
    found = kube.namespaces.get(namespace)
    if found is None:
        raise refusals.not_found("namespaces", namespace)
    if found.deleting is not None:
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        cause = {"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}
        raise refusals.forbidden("pods", name, why, causes=[cause | {"field": "metadata.namespace"}])
    if (namespace, name) in kube.pods:
        raise refusals.exists("pods", name)
    level = found.labels.get(_ENFORCE, "privileged")
    broken = list(violations(spec, level))
    if broken:
        version = found.labels.get(f"{_ENFORCE}-version", "latest")
        raise refusals.forbidden("pods", name, f'violates PodSecurity "{level}:{version}": {", ".join(broken)}')


def _check_shape(name: str, spec: Json) -> None:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name) or len(name) > 253:
        raise refusals.invalid("Pod", name, "metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain')
    containers = spec.get("containers")
    if not containers:
        raise refusals.invalid("Pod", name, "spec.containers", "Required value")
    if spec.get("initContainers"):
        raise refusals.invalid("Pod", name, "spec.initContainers", "Forbidden: the local Azure runs no init containers")
    for index, container in enumerate(containers):
        for member in ("name", "image"):
            if not container.get(member):
                raise refusals.invalid("Pod", name, f"spec.containers[{index}].{member}", "Required value")
    if any(host_process(spec, container) for container in containers) and not spec.get("hostNetwork"):
        why = "Invalid value: false: hostNetwork must be true if pod has any hostProcess containers"
        raise refusals.invalid("Pod", name, "spec.hostNetwork", why)


def violations(spec: Json, level: str) -> Iterator[str]:
    """Go through what a pod does that a level forbids: privileged, baseline or restricted."""
    if level not in {"baseline", "restricted"}:
        return
    yield from _baseline(spec)
    if level == "restricted":
        yield from _restricted(spec)


def _baseline(spec: Json) -> Iterator[str]:
    if held := [f"{name}=true" for name in _HOST if spec.get(name)]:
        yield f"host namespaces ({', '.join(held)})"
    if volumes := [str(v["name"]) for v in spec.get("volumes") or () if v.get("hostPath")]:
        yield f"hostPath volumes ({_named('volume', volumes)})"
    if names := [c["name"] for c in spec["containers"] if _context(c).get("privileged")]:
        yield f"privileged ({_named('container', names)} must not set securityContext.privileged=true)"
    if names := [c["name"] for c in spec["containers"] if host_process(spec, c)]:
        yield f"hostProcess ({_named('container', names)} must not set securityContext.windowsOptions.hostProcess=true)"
    for container in spec["containers"]:
        added = set((_context(container).get("capabilities") or {}).get("add") or ())
        if unsafe := sorted(added - _SAFE_CAPABILITIES):
            listed = ", ".join(f'"{name}"' for name in unsafe)
            yield (
                f"non-default capabilities ({_named('container', [container['name']])} must not include {listed} in "
                "securityContext.capabilities.add)"
            )


def _restricted(spec: Json) -> Iterator[str]:
    of_pod = spec.get("securityContext") or {}
    containers = spec["containers"]
    volumes = [(str(v["name"]), next((k for k in v if k != "name"), "emptyDir")) for v in spec.get("volumes") or ()]
    if unsafe := [(name, kind) for name, kind in volumes if kind not in _SAFE_VOLUMES]:
        listed = ", ".join(f'volume "{name}" uses restricted volume type "{kind}"' for name, kind in unsafe)
        yield f"restricted volume types ({listed})"
    if (spec.get("os") or {}).get("name") != "windows":
        if names := [c["name"] for c in containers if _context(c).get("allowPrivilegeEscalation") is not False]:
            must = "must set securityContext.allowPrivilegeEscalation=false"
            yield f"allowPrivilegeEscalation != false ({_named('container', names)} {must})"
        if names := [c["name"] for c in containers if "ALL" not in _dropped(c)]:
            must = 'must set securityContext.capabilities.drop=["ALL"]'
            yield f"unrestricted capabilities ({_named('container', names)} {must})"
        if names := [c["name"] for c in containers if not _has_profile(c, of_pod)]:
            must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
            yield f"seccompProfile (pod or {_named('container', names)} {must})"
    if names := [
        c["name"] for c in containers if _context(c).get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True
    ]:
        yield f"runAsNonRoot != true (pod or {_named('container', names)} must set securityContext.runAsNonRoot=true)"
    if names := [c["name"] for c in containers if _context(c).get("runAsUser", of_pod.get("runAsUser")) == 0]:
        yield f"runAsUser=0 (pod or {_named('container', names)} must not set runAsUser=0)"


def _context(container: Json) -> Json:
    found: Json = container.get("securityContext") or {}
    return found


def _dropped(container: Json) -> list[str]:
    return [str(name) for name in (_context(container).get("capabilities") or {}).get("drop") or ()]


def _has_profile(container: Json, of_pod: Json) -> bool:
    profile = _context(container).get("seccompProfile") or of_pod.get("seccompProfile") or {}
    return profile.get("type") in _PROFILES


def _named(what: str, names: list[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"{what if len(names) == 1 else what + 's'} {listed}"
