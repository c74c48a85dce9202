"""What a pod's end is worth: a clear 1 is a yes, a clear 0 a no, and all the rest is no answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.answers import Answer, ProbePod, read_answer, read_pod
from shared.domain.probes import Method, Question
from tests.builders import NOW, node

PROOF = "0a1b2c3d"
NODE = node(boot="b-1")
LINUX = Question(NODE, Method.KERNEL, "busybox")
HOST = replace(LINUX, method=Method.HOST)
REGISTRY = replace(LINUX, method=Method.REGISTRY)
SAID = f"fips=1 boot=b-1 proof={PROOF}\n"
PROVIDERS = """Providers:
  default
    name: OpenSSL Default Provider
    version: 3.3.5
    status: active
  {name}
    name: Some Provider
    version: 1.10.0
    status: {status}
"""
KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
VALUE = f"proof={PROOF}\r\n\r\n{KEY}\r\n    Enabled    REG_DWORD    0x{{}}\r\n"


def ended(message: str = SAID, code: int | None = 0, **changes: Any) -> ProbePod:
    made = ProbePod("p", NODE.name, NODE.uid, "Succeeded", "", "", code, message, NOW + timedelta(seconds=2), "i@sha")
    return replace(made, **changes)


def answer(pod: ProbePod, asked: Question = LINUX) -> Answer:
    return read_answer(asked, pod, PROOF, NOW)


@pytest.mark.parametrize(("value", "code", "fips"), [("1", 0, True), ("0", 1, False)])
def test_a_value_that_the_exit_code_agrees_with_is_an_answer(value: str, code: int, *, fips: bool) -> None:
    found = answer(ended(f"fips={value} boot=b-1 proof={PROOF}\n", code))

    assert (found.fips, found.value, found.exit_code, found.waits) == (fips, value, code, False)
    assert (found.node, found.uid, found.boot, found.digest) == (NODE.name, NODE.uid, "b-1", "i@sha")


@pytest.mark.parametrize(
    "pod",
    [
        ended(code=1),
        ended(f"fips=0 boot=b-1 proof={PROOF}", 0),
        ended(f"fips= boot=b-1 proof={PROOF}", 1),
        ended(f"fips=2 boot=b-1 proof={PROOF}", 1),
        ended(f"fips=11 boot=b-1 proof={PROOF}", 0),
        ended(code=137),
        ended(f"fips=1 boot=b-0 proof={PROOF}"),
        ended(f"fips=1 boot= proof={PROOF}"),
        ended("fips=1 boot=b-1 proof=ffffffff"),
        ended(f"fips=1 boot=b-1 proof={PROOF}0"),
        ended(f"x fips=1 boot=b-1 proof={PROOF}"),
        ended("", 0),
        ended(started=None),
        ended(started=NOW - timedelta(hours=1)),
        ended(node="another"),
        ended(uid="another"),
    ],
)
def test_what_is_not_clear_or_not_of_this_proof_node_and_boot_is_no_answer(pod: ProbePod) -> None:
    found = answer(pod)

    assert found.fips is None
    assert found.why
    assert not found.waits


@pytest.mark.parametrize("nothing", [{"boot": ""}, {"uid": ""}])
def test_a_node_that_does_not_say_its_boot_or_which_machine_it_is_proves_nothing(nothing: dict[str, Any]) -> None:
    unsaid = replace(NODE, **nothing)
    linux = ended(f"fips=1 boot={unsaid.boot} proof={PROOF}", uid=unsaid.uid)
    windows = ended(VALUE.format(1), 7, uid=unsaid.uid)

    assert answer(linux, replace(LINUX, node=unsaid)).fips is None
    assert answer(windows, replace(REGISTRY, node=unsaid)).fips is None


@pytest.mark.parametrize(
    ("changes", "waits", "words"),
    [
        ({"phase": "Pending"}, True, "Pending"),
        ({"phase": ""}, True, "not there yet"),
        ({"phase": "Running"}, True, "Running"),
        ({"phase": "Pending", "waiting": "ImagePullBackOff", "message": "not found"}, True, "(image busybox)"),
        ({"phase": "Pending", "waiting": "InvalidImageName"}, False, "InvalidImageName"),
        ({"phase": "Failed", "reason": "DeadlineExceeded", "message": "too long"}, False, "DeadlineExceeded: too"),
        ({"phase": "Failed", "reason": "Evicted"}, False, "Evicted"),
        ({"phase": "Failed"}, False, "failed"),
    ],
)
def test_a_pod_that_has_not_ended_says_why_and_whether_it_may(
    changes: dict[str, Any], *, waits: bool, words: str
) -> None:
    found = answer(ended(**{"message": "", "code": None, "started": None, **changes}))

    assert (found.fips, found.waits) == (None, waits)
    assert words in found.why


@pytest.mark.parametrize("started", [datetime(1970, 1, 1, tzinfo=UTC), NOW])
def test_an_image_without_a_shell_is_told_by_what_the_runtime_says(started: datetime) -> None:
    said = 'exec: "sh": executable file not found in $PATH'
    item = {
        "metadata": {"name": "p", "labels": {"fipswarden/node-uid": NODE.uid}},
        "spec": {"nodeName": NODE.name},
        "status": {
            "phase": "Failed",
            "containerStatuses": [
                {
                    "name": "probe",
                    "state": {
                        "terminated": {
                            "exitCode": 128,
                            "reason": "StartError",
                            "message": said,
                            "startedAt": started.isoformat(),
                        }
                    },
                }
            ],
        },
    }

    found = answer(read_pod(item))

    assert found.fips is None
    assert "StartError" in found.why
    assert said in found.why


class TestHost:
    """The kernel's word, and what the host's OpenSSL shows."""

    @pytest.mark.parametrize(
        ("more", "fips"),
        [
            (PROVIDERS.format(name="symcryptprovider", status="active"), True),
            (PROVIDERS.format(name="fips", status="active"), True),
            (PROVIDERS.format(name="fips", status="inactive"), False),
            (PROVIDERS.format(name="legacy", status="active"), False),
            (PROVIDERS.format(name="notfips", status="active"), False),
            (PROVIDERS.format(name="fipsfoo", status="active"), False),
            (PROVIDERS.format(name="symcryptengine", status="active"), False),
            ("Providers:\n", False),
            ("chroot: can't execute 'openssl'", None),
            ("", None),
        ],
    )
    def test_an_active_fips_provider_is_needed(self, more: str, fips: bool | None) -> None:
        found = answer(ended(f"{SAID}openssl=OpenSSL 3.3.5\nmarker=0\n{more}"), HOST)

        assert found.fips is fips
        assert bool(found.why) is not bool(fips)
        assert "3.3.5" in found.seen

    def test_a_kernel_that_says_no_needs_no_more(self) -> None:
        message = SAID.replace("fips=1", "fips=0") + PROVIDERS.format(name="fips", status="active")

        assert answer(ended(message, 1), HOST).fips is False

    @pytest.mark.parametrize(
        ("image", "fips"),
        [
            ("AKSUbuntu-2004gen2fipscontainerd-202610.01.0", True),
            ("AKSUbuntu-1804fipscontainerd-202210.01.0", True),
            ("AKSUbuntu-2204gen2fipscontainerd-202610.01.0", None),
            ("AKSAzureLinux-V3gen2fips-202610.01.0", None),
            ("", None),
        ],
    )
    def test_openssl_1_has_no_providers_and_counts_only_where_the_image_has_it(
        self, image: str, fips: bool | None
    ) -> None:
        message = f"{SAID}openssl=OpenSSL 1.1.1f  31 Mar 2020\nmarker=0\nlist: Option unknown"
        found = answer(ended(message), replace(HOST, node=replace(NODE, image_label=image)))

        assert found.fips is fips
        assert ("kernel's value alone counts" if fips else "is not what the node's image") in found.why

    @pytest.mark.parametrize(("marker", "fips"), [("1", True), ("0", False)])
    def test_azure_container_linux_needs_its_marker(self, marker: str, *, fips: bool) -> None:
        asked = replace(HOST, node=replace(NODE, os_sku="AzureContainerLinux"))
        more = PROVIDERS.format(name="fips", status="active")

        assert answer(ended(f"{SAID}openssl=OpenSSL 3.3.5\nmarker={marker}\n{more}"), asked).fips is fips

    ACL = ("AzureContainerLinux", "azurecontainerlinux", "AzureContainerLinux3")

    @pytest.mark.parametrize("name", ACL)
    @pytest.mark.parametrize("by", ["its label", "its other label", "ARM"])
    def test_whoever_says_that_it_is_azure_container_linux_is_believed(self, name: str, by: str) -> None:
        labels = {"its label": replace(NODE, os_sku=name), "its other label": replace(NODE, os_sku_effective=name)}
        asked = replace(HOST, node=labels.get(by, NODE), os_sku=name if by == "ARM" else "")
        said = f"{SAID}openssl=OpenSSL 3.3.5\nmarker=0\n{PROVIDERS.format(name='fips', status='active')}"

        assert answer(ended(said), asked).why == "/etc/system-fips is not there"

    @pytest.mark.parametrize(
        "said",
        [
            "openssl=OpenSSL 3.3.5 marker=1\nmarker=0",
            "openssl=OpenSSL 3.3.5\nmarker=1\nmarker=0",
            "openssl=OpenSSL 3.3.5\nmarker=10",
            "openssl=OpenSSL 3.3.5",
        ],
    )
    def test_only_the_markers_own_line_says_that_it_is_there(self, said: str) -> None:
        asked = replace(HOST, os_sku="AzureContainerLinux")
        more = PROVIDERS.format(name="fips", status="active")

        assert answer(ended(f"{SAID}{said}\n{more}"), asked).fips is False


class TestRegistry:
    """Windows answers by the log of a container that fails on purpose."""

    @pytest.mark.parametrize(
        ("number", "fips", "value"), [("1", True, "0x1"), ("0", False, "0x0"), ("2", None, "0x2"), ("1f", None, "0x1f")]
    )
    def test_1_is_yes_and_0_is_no(self, number: str, fips: bool | None, value: str) -> None:
        found = answer(ended(VALUE.format(number), 7), REGISTRY)

        assert (found.fips, found.value) == (fips, value)

    def test_a_value_of_another_name_does_not_count(self) -> None:
        other = "    MyEnabled    REG_DWORD    0x1\r\n    Enabled    "

        assert answer(ended(VALUE.format("0").replace("    Enabled    ", other), 7), REGISTRY).fips is False

    def test_a_value_that_is_not_there_is_no(self) -> None:
        message = f"proof={PROOF}\r\nERROR: The system was unable to find the specified registry key or value."

        assert answer(ended(message, 7), REGISTRY).fips is False

    @pytest.mark.parametrize(
        ("message", "code"),
        [
            (VALUE.format("1"), 0),
            (VALUE.format("1"), 1),
            (VALUE.format("1").replace(PROOF, "ffffffff"), 7),
            (VALUE.format("1").replace(PROOF, f"{PROOF}9"), 7),
            (VALUE.format("1").replace("FIPSAlgorithmPolicy", "FIPSAlgorithmPolicy\\Old"), 7),
            (VALUE.format("1").replace(KEY, ""), 7),
            (VALUE.format("1") + "    Enabled    REG_DWORD    0x0\r\n", 7),
            (VALUE.format("1").replace("Enabled", "MyEnabled"), 7),
            (VALUE.format("1").replace("REG_DWORD", "REG_SZ"), 7),
            (f"proof={PROOF}\r\nERROR: Access is denied.", 7),
            ("", 7),
        ],
    )
    def test_anything_else_is_no_answer(self, message: str, code: int) -> None:
        found = answer(ended(message, code), REGISTRY)

        assert found.fips is None
        assert found.why


@given(
    st.builds(
        ProbePod,
        st.just("p"),
        st.sampled_from([NODE.name, "x"]),
        st.sampled_from([NODE.uid, "x"]),
        st.sampled_from(["Pending", "Succeeded", "Failed", ""]),
        st.text(max_size=5),
        st.sampled_from(["", "ImagePullBackOff"]),
        st.sampled_from([None, 0, 1, 7, 137]),
        st.sampled_from([SAID, SAID.replace("fips=1", "fips=0"), VALUE.format(1), ""]) | st.text(max_size=60),
        st.sampled_from([None, NOW, NOW - timedelta(days=1)]),
        st.just(""),
    ),
    st.sampled_from([LINUX, HOST, REGISTRY]),
)
def test_a_yes_holds_this_proof_and_came_from_this_node(pod: ProbePod, asked: Question) -> None:
    found = answer(pod, asked)

    if found.fips:
        assert PROOF in pod.message
        assert (pod.node, pod.uid) == (NODE.name, NODE.uid)
        assert pod.started == NOW
        assert pod.exit_code == (7 if asked is REGISTRY else 0)
    assert found.fips is None or not found.waits


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"metadata": {"name": "p"}}, ProbePod("p", "", "", "", "", "", None, "", None, "")),
        (
            {
                "metadata": {"name": "p", "labels": {"fipswarden/node-uid": "u"}},
                "spec": {"nodeName": "n"},
                "status": {
                    "phase": "Succeeded",
                    "containerStatuses": [
                        {"name": "istio-proxy", "imageID": "other", "state": {"terminated": {"exitCode": 1}}},
                        {
                            "name": "probe",
                            "imageID": "i@sha256:1",
                            "state": {
                                "terminated": {
                                    "exitCode": 0,
                                    "reason": "Completed",
                                    "message": "said",
                                    "startedAt": "2026-11-23T09:30:04Z",
                                }
                            },
                        },
                    ],
                },
            },
            ProbePod("p", "n", "u", "Succeeded", "Completed", "", 0, "said", NOW, "i@sha256:1"),
        ),
        (
            {
                "metadata": {"name": "p"},
                "status": {
                    "phase": "Pending",
                    "containerStatuses": [
                        {"name": "probe", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
                    ],
                },
            },
            ProbePod("p", "", "", "Pending", "", "ErrImagePull", None, "no", None, ""),
        ),
        (
            {
                "metadata": {"name": "p"},
                "status": {"phase": "Failed", "reason": "Evicted", "message": "low", "containerStatuses": [None]},
            },
            ProbePod("p", "", "", "Failed", "Evicted", "", None, "low", None, ""),
        ),
        (
            {"metadata": {"name": "p", "labels": []}, "spec": 3, "status": {"containerStatuses": [{"name": 1}]}},
            ProbePod("p", "", "", "", "", "", None, "", None, ""),
        ),
    ],
)
def test_of_a_pod_what_counts_is_read(item: dict[str, Any], expected: ProbePod) -> None:
    assert read_pod(item) == expected


def test_a_pod_without_a_name_is_no_pod() -> None:
    with pytest.raises(ValueError, match="no name"):
        read_pod({"metadata": {}})
