"""The Pod Security Standards, as a namespace's label enforces them."""

from typing import Any

import pytest

from tests.unit.local_azure.kube import Kube

SAFE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
HOST = [{"name": "host", "hostPath": {"path": "/"}}]


@pytest.fixture
def strict(kube: Kube) -> Kube:
    labelled(kube, "restricted")
    return kube


def labelled(kube: Kube, level: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": level}
    kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": level, "labels": labels}})


def test_a_pod_without_privileges_is_taken(strict: Kube) -> None:
    made = strict.create("a", namespace="restricted", command=["true"], context=SAFE)
    assert made.status == 201


def test_what_the_pod_says_holds_for_its_containers(strict: Kube) -> None:
    of_pod = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    mine = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert strict.create("a", namespace="restricted", context=mine, securityContext=of_pod).status == 201


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"context": SAFE | {"runAsNonRoot": False}}, 'runAsNonRoot != true (pod or container "main" must set'),
        ({"context": SAFE | {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation != false (container"),
        ({"context": SAFE | {"capabilities": {}}}, 'unrestricted capabilities (container "main" must set'),
        ({"context": SAFE | {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}}, "non-default capabilities"),
        ({"context": SAFE | {"seccompProfile": {"type": "Unconfined"}}}, "seccompProfile (pod or container"),
        ({"context": SAFE | {"privileged": True}}, 'privileged (container "main" must not set'),
        ({"context": SAFE | {"runAsUser": 0}}, "runAsUser=0"),
        ({"context": SAFE, "hostNetwork": True, "hostPID": True}, "host namespaces (hostNetwork=true, hostPID=true)"),
        ({"context": SAFE, "volumes": HOST}, 'hostPath volumes (volume "host")'),
        ({"context": SAFE, "volumes": [{"name": "n", "nfs": {}}]}, 'uses restricted volume type "nfs"'),
        ({"context": SAFE | {"windowsOptions": {"hostProcess": True}}, "hostNetwork": True}, "hostProcess (container"),
        ({}, "runAsNonRoot != true"),
    ],
)
def test_what_breaks_the_restricted_profile_is_forbidden(strict: Kube, spec: dict[str, Any], why: str) -> None:
    refused = strict.create("a", namespace="restricted", **spec).json()
    assert (refused["code"], refused["reason"]) == (403, "Forbidden")
    assert 'pods "a" is forbidden: violates PodSecurity "restricted:latest": ' in refused["message"]
    assert why in refused["message"]


def test_windows_pods_have_fewer_rules(strict: Kube) -> None:
    context = {"runAsNonRoot": True}
    assert strict.create("a", namespace="restricted", context=context, os={"name": "windows"}).status == 201


@pytest.mark.parametrize(("level", "code"), [("privileged", 201), ("baseline", 403)])
def test_other_levels_forbid_less(kube: Kube, level: str, code: int) -> None:
    labelled(kube, level)
    assert kube.create("a", namespace=level, volumes=HOST).status == code
    assert kube.create("b", namespace=level).status == 201


def test_without_a_label_everything_is_taken(kube: Kube) -> None:
    assert kube.create("a", volumes=HOST, hostPID=True, context={"privileged": True}).status == 201
