"""What a pod that asks a node may do, and how it is found again."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.model import ProofLevel
from shared.domain.probes import NAMESPACES, OWNER, Method, Question, namespace, pod, question
from shared.domain.proven import Node
from shared.domain.settings import ProofSettings
from tests.builders import node

IMAGE = "registry.example.com/busybox:1.37"
SETTINGS = ProofSettings(ProofLevel.KERNEL, image=IMAGE, windows_image="nanoserver")
PROOF = "0a1b2c3d"


def made(method: Method, one: Node | None = None) -> dict[str, Any]:
    return pod(Question(one or node(), method, IMAGE), PROOF)


@pytest.mark.parametrize("method", Method)
def test_every_pod_ends_by_itself_and_is_bound_to_its_node_whatever_its_taints(method: Method) -> None:
    spec = made(method)["spec"]

    assert spec["nodeName"] == node().name
    assert spec["restartPolicy"] == "Never"
    assert 0 < spec["activeDeadlineSeconds"] <= 600
    assert spec["terminationGracePeriodSeconds"] == 0
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["automountServiceAccountToken"] is False
    assert "nodeSelector" not in spec


@pytest.mark.parametrize("method", Method)
def test_every_pod_says_whose_it_is_and_what_it_is_for(method: Method) -> None:
    metadata = made(method)["metadata"]

    assert metadata["namespace"] == method.namespace
    assert OWNER.items() <= metadata["labels"].items()
    assert metadata["labels"]["fipswarden/proof"] == PROOF
    assert metadata["labels"]["fipswarden/node-uid"] == node().uid
    assert metadata["name"].startswith(f"fips-{PROOF}-")
    assert len(metadata["name"]) < 63


def test_the_kernel_s_pod_has_nothing_that_restricted_pod_security_refuses() -> None:
    spec = made(Method.KERNEL)["spec"]
    context = spec["containers"][0]["securityContext"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert not {"volumes", "hostNetwork", "hostPID"} & {*spec}


def test_the_host_s_pod_reads_two_of_the_host_s_folders_and_can_do_nothing_but_chroot() -> None:
    spec = made(Method.HOST)["spec"]
    (container,) = spec["containers"]

    of_host = {each["name"]: each["hostPath"]["path"] for each in spec["volumes"] if "hostPath" in each}
    assert of_host == {"usr": "/usr", "etc": "/etc"}, "no root: its sockets could be used through a read-only mount"
    mounted = [each for each in container["volumeMounts"] if each["name"] in of_host]
    assert [each["mountPath"] for each in mounted] == ["/host/usr", "/host/etc"]
    assert all(each["readOnly"] and each["recursiveReadOnly"] == "IfPossible" for each in mounted)
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYS_CHROOT"]}
    assert "privileged" not in json.dumps(spec)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & {*spec}


def test_the_registry_s_pod_is_a_host_process_of_the_account_with_the_fewest_rights() -> None:
    spec = made(Method.REGISTRY)["spec"]

    assert spec["hostNetwork"] is True
    assert spec["securityContext"]["windowsOptions"] == {
        "hostProcess": True,
        "runAsUserName": "NT AUTHORITY\\Local service",
    }
    assert spec["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert "exit 7" in spec["containers"][0]["command"][-1]


@pytest.mark.parametrize(
    ("name", "enforce"), [*zip(NAMESPACES, ("restricted", "privileged", "privileged"), strict=True)]
)
def test_only_the_namespaces_of_host_access_allow_it(name: str, enforce: str) -> None:
    labels = namespace(name)["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == enforce
    assert OWNER.items() <= labels.items()


@pytest.mark.parametrize("change", [{"uid": "another"}, {"boot": "another"}])
def test_a_node_that_was_reimaged_or_has_started_anew_gets_another_pod(change: dict[str, Any]) -> None:
    before, after = node(), replace(node(), **change)

    assert made(Method.KERNEL, before)["metadata"]["name"] != made(Method.KERNEL, after)["metadata"]["name"]
    assert made(Method.KERNEL, before)["metadata"]["name"] == made(Method.KERNEL, node())["metadata"]["name"]


@pytest.mark.parametrize(
    ("os", "changes", "expected"),
    [
        ("linux", {}, (Method.KERNEL, IMAGE)),
        ("linux", {"level": ProofLevel.HOST}, (Method.HOST, IMAGE)),
        ("", {}, (Method.KERNEL, IMAGE)),
        ("windows", {}, (Method.REGISTRY, "nanoserver")),
        ("windows", {"level": ProofLevel.HOST}, (Method.REGISTRY, "nanoserver")),
        ("windows", {"windows_image": ""}, None),
        ("linux", {"image": ""}, None),
    ],
)
def test_how_a_node_is_asked_follows_from_its_system_and_the_policy(
    os: str, changes: dict[str, Any], expected: tuple[Method, str] | None
) -> None:
    found = question(node(os=os), replace(SETTINGS, **changes))

    assert (found and (found.method, found.image)) == expected
