"""The pods that ask nodes: what each may do, what it runs, and in which namespace it lives.

A pod is named by its proof, node and boot, so that whoever comes later finds it by that, and none from before a reimage
can be taken for today's. It is bound to its node (no scheduler: cordoned nodes are asked too), tolerates every taint,
and ends by itself.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from shared.domain.model import ProofLevel
from shared.domain.proven import Node
from shared.domain.settings import ProofSettings

Json = dict[str, Any]

OWNER = {"app.kubernetes.io/managed-by": "fipswarden"}
"""The label without which a namespace is not ours to delete."""
PROOF_LABEL = "fipswarden/proof"
NODE_LABEL = "fipswarden/node-uid"
CONTAINER = "probe"
"""Name of the container that asks."""
POD_DEADLINE = timedelta(minutes=5)
"""`activeDeadlineSeconds`: longer than a proof waits for an answer, so that why there was none can still be read."""
PROVIDERS = ("fips", "symcrypt", "symcryptprovider")
"""Ids of the OpenSSL 3 providers that are FIPS modules: OpenSSL's own (openssl.org, fips_module), and SymCrypt's, which
Microsoft calls `symcryptprovider` in openssl.cnf (scripts of SymCrypt-OpenSSL; AgentBaker tests, FACTS 6, look for
what begins with `fips` or `symcrypt`). One that is called otherwise is taken for neither."""
REGISTRY_EXIT = 7
"""With this exit code the registry's probe ends whatever it read: only of a container that failed does the log become
the termination message (`FallbackToLogsOnError`), and no right to read logs is needed."""
_FLAG = "/proc/sys/crypto/fips_enabled"
_BOOT = "/proc/sys/kernel/random/boot_id"
_MESSAGE = "/dev/termination-log"
_KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
_NOBODY = 65534


class Method(StrEnum):
    """How a node is asked; evidence names it."""

    KERNEL = "pod without rights: /proc/sys/crypto/fips_enabled"
    HOST = "pod with the host's files: /proc/sys/crypto/fips_enabled, OpenSSL's providers, marker file"
    REGISTRY = "HostProcess pod: registry value FIPSAlgorithmPolicy, Enabled"

    @property
    def namespace(self) -> str:
        """The namespace of its pods, each with the least that Pod Security Admission has to allow."""
        ends = {Method.KERNEL: "", Method.HOST: "-host", Method.REGISTRY: "-windows"}
        return f"fipswarden-proof{ends[self]}"


NAMESPACES = tuple(method.namespace for method in Method)


@dataclass(frozen=True, slots=True)
class Question:
    """One node that a pod is to ask."""

    node: Node
    method: Method
    image: str
    os_sku: str = ""
    """ARM's word for the node's pool; empty outside every pool."""

    def pod(self, proof: str) -> str:
        """Return the pod's name; a node that was reimaged or has started anew gets another one."""
        mark = hashlib.sha256(f"{self.node.uid} {self.node.boot}".encode()).hexdigest()
        return f"fips-{proof}-{mark[:12]}"


def question(node: Node, settings: ProofSettings, os_sku: str = "") -> Question | None:
    """Return how a node is asked; None if the policy names no image that could."""
    if node.os == "windows":
        return Question(node, Method.REGISTRY, settings.registry_image) if settings.registry_image else None
    method = Method.HOST if settings.level is ProofLevel.HOST else Method.KERNEL
    return Question(node, method, settings.image, os_sku) if settings.image else None


def namespace(name: str) -> Json:
    """Return the namespace that a method's pods need."""
    enforce = "restricted" if name == Method.KERNEL.namespace else "privileged"
    labels = {**OWNER, "pod-security.kubernetes.io/enforce": enforce}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod(asked: Question, proof: str) -> Json:
    """Return the pod that asks one node."""
    node = asked.node
    metadata = {
        "name": asked.pod(proof),
        "namespace": asked.method.namespace,
        "labels": {**OWNER, PROOF_LABEL: proof, NODE_LABEL: node.uid},
    }
    spec: Json = {
        "nodeName": node.name,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": int(POD_DEADLINE.total_seconds()),
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "tolerations": [{"operator": "Exists"}],
        **_SPECS[asked.method],
        "containers": [{"name": CONTAINER, "image": asked.image, **_container(asked.method, proof)}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(method: Method, proof: str) -> Json:
    match method:
        case Method.KERNEL:
            return {**_SMALL, "command": ["sh", "-c", _script("", proof)], "securityContext": _confined([])}
        case Method.HOST:
            return {
                **_SMALL,
                "command": ["sh", "-c", _script(_HOST_SCRIPT, proof)],
                "securityContext": _confined(["SYS_CHROOT"]),
                "volumeMounts": [{"name": "root", "mountPath": "/host"}, *map(_mounted, _OF_HOST)],
            }
        case Method.REGISTRY:
            line = f"echo proof={proof}& reg query {_KEY} /v Enabled & exit {REGISTRY_EXIT}"
            return {
                "command": ["cmd.exe", "/d", "/c", line],
                "resources": _SMALL["resources"],
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }


def _mounted(folder: str) -> Json:
    # `readOnly` alone leaves what is mounted below writable. The recursive kind is part of Kubernetes since 1.30; older
    # API servers drop the field (kubernetes.io, "Recursive read-only mounts").
    return {"name": folder, "mountPath": f"/host/{folder}", "readOnly": True, "recursiveReadOnly": "IfPossible"}


def _confined(capabilities: list[str]) -> Json:
    kept = {"add": capabilities} if capabilities else {}
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], **kept},
    }


_SMALL: Mapping[str, Any] = {
    "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
}
_OF_HOST = ("usr", "etc")
"""The folders of the host's that OpenSSL needs: itself, its modules and its settings. No sockets and devices, which a
read-only mount doesn't keep from being used: those are in /run and /dev."""
_SPECS: Mapping[Method, Json] = {
    Method.KERNEL: {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    },
    # Root, since only root may chroot; of root's capabilities it has that one alone. The root that it changes to is a
    # folder of its own in memory, with two of the host's folders in it. Those it reads as root, secrets in /etc
    # included.
    Method.HOST: {
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [
            {"name": "root", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            *({"name": each, "hostPath": {"path": f"/{each}", "type": "Directory"}} for each in _OF_HOST),
        ],
    },
    # The account with the fewest rights that HostProcess knows; any user may read this key (kubernetes.io,
    # "Create a Windows HostProcess Pod": hostNetwork is demanded, and the local service account recommended).
    Method.REGISTRY: {
        "hostNetwork": True,
        "securityContext": {
            "windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\Local service"},
        },
    },
}
# Ubuntu since 20.04, Azure Linux and Azure Container Linux keep programs and libraries in /usr alone, with links to it.
# OpenSSL of a distribution asks the kernel's flag itself, and /proc is the container's: it gets a copy.
_HOST_SCRIPT = (
    "ln -s usr/bin /host/bin; ln -s usr/lib /host/lib; ln -s usr/lib64 /host/lib64\n"
    "mkdir -p /host/proc/sys/crypto\n"
    'echo "$v" >/host/proc/sys/crypto/fips_enabled\n'
    'echo "openssl=$(chroot /host openssl version 2>&1)" >>{message}\n'
    "m=0; if [ -e /host/etc/system-fips ]; then m=1; fi\n"
    'echo "marker=$m" >>{message}\n'
    "chroot /host openssl list -providers >>{message} 2>&1\n"
)


def _script(more: str, proof: str) -> str:
    """Return what a Linux probe runs: an image needs a shell and cat, and chroot, ln and mkdir at level host.

    A file that is not there means 0; one that is there and can't be read leaves the value empty, which is no answer.
    """
    return (
        f"v=0; if [ -e {_FLAG} ]; then v=$(cat {_FLAG}); fi\n"
        f'echo "fips=$v boot=$(cat {_BOOT}) proof={proof}" >{_MESSAGE}\n'
        f'{more.format(message=_MESSAGE)}[ "$v" = 1 ]\n'
    )
