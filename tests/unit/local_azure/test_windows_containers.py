"""Windows nodes: who sees the host's registry, and what reg.exe says."""

from typing import Any

import pytest

from tests.unit.local_azure.kube import MOMENT, Kube

KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
HOST: dict[str, Any] = {
    "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
    "hostNetwork": True,
}
IMAGE = "mcr.microsoft.com/oss/kubernetes/windows-host-process-containers-base-image:v1.0.0"


@pytest.fixture
def windows(kube: Kube) -> Kube:
    kube.azure.world.add_pool(kube.cluster, "win", count=1, osType="Windows", osSKU="Windows2022")
    return kube


def on_windows(kube: Kube, *command: str, **spec: Any) -> Any:
    return kube.run(*command, image=IMAGE, nodeName=kube.nodes("win")[0].name, **spec)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (f"reg query {KEY} /v Enabled & exit 7", 7, "    Enabled    REG_DWORD    0x1\r\n"),
        (f"reg query {KEY} /v Enabled && exit 3", 3, "0x1"),
        (f"reg query {KEY} /v Nothing && exit 3", 1, "ERROR: The system was unable to find the specified registry key"),
        (f"reg query {KEY} /v Nothing >nul 2>&1 || exit 4", 4, ""),
        (f'reg.exe query "{KEY}" /v Enabled | find "0x1" >nul && exit 10', 10, ""),
        (f"reg query {KEY} /v Enabled | findstr 0x0", 1, ""),
        ("echo hello", 0, "hello\r\n"),
        ("nonsense", 1, "'nonsense' is not recognized"),
        (f"reg query {KEY} /v Nothing 2>nul & if errorlevel 1 exit 11", 11, ""),
        (f"reg query {KEY} /v Enabled >nul & if not errorlevel 1 exit 12", 12, ""),
        ("reg add x", 1, "ERROR: Invalid syntax."),
    ],
)
def test_cmd_and_reg_answer_as_on_windows(windows: Kube, line: str, code: int, said: str) -> None:
    ended = on_windows(windows, "cmd.exe", "/d", "/c", line, **HOST)
    assert ended["exitCode"] == code
    assert said in ended["log"]


def test_reg_runs_without_cmd(windows: Kube) -> None:
    ended = on_windows(windows, "reg.exe", "query", KEY, "/v", "Enabled", **HOST)
    assert (ended["exitCode"], "0x1" in ended["log"]) == (0, True)


@pytest.mark.parametrize(("value", "present", "shown"), [(0, True, "0x0"), (1, False, "ERROR")])
def test_the_registry_says_what_the_node_is_set_to(windows: Kube, value: int, present: bool, shown: str) -> None:
    node = windows.nodes("win")[0]
    node.kernel_fips, node.fips_file = value, present
    assert shown in on_windows(windows, "cmd", "/c", f"reg query {KEY} /v Enabled", **HOST)["log"]


def test_a_container_that_is_no_host_process_sees_its_own_registry(windows: Kube) -> None:
    ended = on_windows(windows, "cmd", "/c", f"reg query {KEY} /v Enabled")
    assert (ended["exitCode"], "ERROR" in ended["log"]) == (1, True)


def test_host_process_may_stand_at_the_container(windows: Kube) -> None:
    context = {"windowsOptions": {"hostProcess": True}}
    ended = on_windows(windows, "cmd", "/c", f"reg query {KEY} /v Enabled", context=context, hostNetwork=True)
    assert ended["exitCode"] == 0


def test_host_process_asks_for_the_hosts_network(windows: Kube) -> None:
    refused = windows.create("probe", image=IMAGE, **(HOST | {"hostNetwork": False}))
    assert refused.status == 422
    assert "hostNetwork must be true" in refused.json()["message"]


@pytest.mark.parametrize(("pool", "image"), [("win", "busybox"), ("apps", IMAGE)])
def test_an_image_for_the_other_system_is_never_pulled(windows: Kube, pool: str, image: str) -> None:
    windows.create("probe", image=image, command=["x"], nodeName=windows.nodes(pool)[0].name)
    windows.wait(20 * MOMENT)
    status = windows.pod("probe")["status"]
    waiting = status["containerStatuses"][0]["state"]["waiting"]
    assert (status["phase"], waiting["reason"]) == ("Pending", "ImagePullBackOff")
    assert "no match for platform in manifest" in waiting["message"]
