"""Bodies as kubectl sends them for Kubernetes' own kinds."""

from typing import Any

import pytest

from local.faces import kube_protobuf
from tests.unit.local_azure.kube import PODS, Kube

Field = tuple[int, Any]


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes((*found, number))


def message(*fields: Field) -> bytes:
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(data)) + data
    return found


def envelope(kind: str, raw: bytes, api: str = "v1") -> bytes:
    return kube_protobuf.MAGIC + message((1, message((1, api), (2, kind))), (2, raw), (3, ""), (4, ""))


def pod(*more: Field, container: tuple[Field, ...] = ()) -> bytes:
    metadata = message((1, "probe"), (2, ""), (8, b""), (11, message((1, "app"), (2, "probe"))))
    shell = message((1, "main"), (2, "busybox"), (3, "sh"), (3, "-c"), (3, "exit 3"), (8, b""), *container)
    return envelope("Pod", message((1, metadata), (2, message((2, shell), (3, "Never"), *more)), (3, message((1, "")))))


def test_a_pod_in_protobuf_is_that_pod(kube: Kube) -> None:
    name = kube.nodes("apps")[0].name
    volume = message((1, "host"), (2, message((1, message((1, "/"), (2, ""))))))
    body = pod((10, name), (11, 1), (5, 300), (22, message((2, "Exists"))), (1, volume))
    assert kube.ask("POST", PODS, body).status == 201
    kube.wait()
    shown = kube.pod("probe")
    assert shown["metadata"]["labels"] == {"app": "probe"}
    assert shown["spec"]["volumes"] == [{"name": "host", "hostPath": {"path": "/"}}]
    assert (shown["spec"]["hostNetwork"], shown["spec"]["activeDeadlineSeconds"]) == (True, 300)
    assert shown["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert shown["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_a_false_is_kept(kube: Kube) -> None:
    kube.ask("POST", PODS, pod(container=((15, message((7, 0))),)))
    assert kube.pod("probe")["spec"]["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False}


def test_an_eviction_and_a_deletion_come_in_protobuf_too(kube: Kube) -> None:
    for name in ("a", "b"):
        kube.create(name, command=["sleep", "infinity"], nodeName=kube.nodes("apps")[0].name)
    kube.wait()
    eviction = envelope("Eviction", message((1, message((1, "a"))), (2, message((1, 30)))), "policy/v1")
    assert kube.ask("POST", f"{PODS}/a/eviction", eviction).status == 201
    now = envelope("DeleteOptions", message((1, 0)))
    assert kube.ask("DELETE", f"{PODS}/b", now).status == 200
    assert [row[2] for row in kube.table(PODS)] == ["Terminating"]


@pytest.mark.parametrize(
    "body",
    [
        envelope("Service", b""),
        pod((18, message((1, "x")))),  # an affinity would be lost
        kube_protobuf.MAGIC + b"\x0a\xff",
        kube_protobuf.MAGIC + b"\x0d\x00\x00\x00\x00",
        kube_protobuf.MAGIC + b"\x80",
        kube_protobuf.MAGIC + b"\x08\x01",
    ],
)
def test_what_would_be_lost_is_refused(kube: Kube, body: bytes) -> None:
    assert kube.ask("POST", PODS, body).status == 400
    assert kube.names(PODS) == []
