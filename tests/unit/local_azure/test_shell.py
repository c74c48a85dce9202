"""What a container's script does: the small shell, over the files of its node."""

from typing import Any

import pytest

from tests.unit.local_azure.kube import Kube

HOST: dict[str, Any] = {
    "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
    "mounts": [{"name": "host", "mountPath": "/host", "readOnly": True}],
}
READ = (
    'v="$(cat /proc/sys/crypto/fips_enabled 2>/dev/null)"\n'
    'if [ "$v" = 1 ]; then echo on; exit 0; elif [ -z "$v" ]; then exit 11; else exit 10; fi'
)


@pytest.mark.parametrize(
    ("script", "code", "log"),
    [
        ("echo a; echo b", 0, "a\nb\n"),
        ("false && echo a || echo b", 0, "b\n"),
        ("true\nfalse\n", 1, ""),
        ("! false", 0, ""),
        ("! true", 1, ""),
        ("exit 42; echo never", 42, ""),
        ("nonsense -x", 127, "sh: nonsense: not found\n"),
        ("nonsense; echo $?", 0, "sh: nonsense: not found\n127\n"),
        ("(exit 3); echo $?", 0, "3\n"),
        ("a=1; b=$a$a; echo $b '$a' \"$a\"", 0, "11 $a 1\n"),
        ("a='x  y'; echo $a; echo \"$a\"", 0, "x y\nx  y\n"),
        ("v=$(exit 7) || echo $?", 0, "7\n"),
        ("echo ${nothing:-default}", 0, "default\n"),
        ("A=1 true; echo [$A]", 0, "[]\n"),
        ("printf '%s=%d\\n' a 1 b 2", 0, "a=1\nb=2\n"),
        ("printf 'plain'", 0, "plain"),
        ("echo one > /tmp/f; echo two >> /tmp/f; cat /tmp/f", 0, "one\ntwo\n"),
        ("echo one > /tmp/f; echo two > /tmp/f; cat < /tmp/f", 0, "two\n"),
        ("cat /nope 2>/dev/null; echo $?", 0, "1\n"),
        ('v=$(cat /nope 2>&1); echo "<$v>"', 0, "<cat: can't open '/nope': No such file or directory>\n"),
        ("{ echo a; echo b; } | head -n 1", 0, "a\n"),
        ("echo 'x fips y' | grep -qE '(fips|symcrypt)' && echo found", 0, "found\n"),
        ("echo abc | grep -q '^b'", 1, ""),
        ("mkdir -p /new/folder; ln -s usr/lib /new/lib; ls /new", 0, "lib\n"),
        ("mkdir /proc/x", 1, "mkdir: can't create directory '/proc/x': Read-only file system\n"),
        ("ln -s usr /sys/usr", 1, "ln: /sys/usr: Read-only file system\n"),
        ("ln usr /new", 1, "ln: only -s TARGET LINK is known here\n"),
        ("[ -f /proc/sys/kernel/random/boot_id ] && [ -e /proc ] && [ ! -f /x ] && echo ok", 0, "ok\n"),
        ("test 1 -eq 1 && test a != b && test -n a && echo ok", 0, "ok\n"),
        ("[ x -eq 1 ]", 2, "sh: x: bad number\n"),
        ("[ 1 = 1", 2, "sh: missing ]\n"),
        ("set -e; false; echo never", 1, ""),
        ("set -e; false || true; if false; then :; fi; echo on", 0, "on\n"),
        ("set -u; echo $missing", 2, "sh: missing: parameter not set\n"),
        ('read -r v < /proc/sys/crypto/fips_enabled; echo "<$v>"', 0, "<1>\n"),
        ("# a comment\necho a # another", 0, "a\n"),
        ("sh -c 'exit 5'; echo $?", 0, "5\n"),
        ("openssl list -providers", 127, "sh: openssl: not found\n"),
        (
            "echo x > /proc/sys/crypto/fips_enabled",
            1,
            "sh: can't create /proc/sys/crypto/fips_enabled: Read-only file system\n",
        ),
        ("uname -r", 0, "6.6.150.1-1.azl3\n"),
    ],
)
def test_scripts_do_what_a_shell_does(kube: Kube, script: str, code: int, log: str) -> None:
    ended = kube.run("sh", "-c", script)
    assert (ended["exitCode"], ended["log"]) == (code, log)


@pytest.mark.parametrize(
    "script",
    [
        "if true",
        "echo 'open",
        'echo "open',
        "echo $(",
        "for i in 1; do echo; done",
        "a &",
        "echo `date`",
        "echo $((1))",
        "cat <<E\nE",
        "fi",
        "echo ${a#b}",
        ";;",
        "true &&",
        "(" * 100,
    ],
)
def test_a_script_that_is_not_understood_ends_with_2(kube: Kube, script: str) -> None:
    ended = kube.run("sh", "-c", script)
    assert ended["exitCode"] == 2
    assert ended["log"].startswith("sh: syntax error")


def test_a_program_that_the_image_lacks_never_starts(kube: Kube) -> None:
    ended = kube.run("/fips-probe")
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert 'exec: "/fips-probe": executable file not found in $PATH' in ended["message"]


def test_cat_reads_the_kernel_without_a_shell(kube: Kube) -> None:
    assert kube.run("cat", "/proc/sys/crypto/fips_enabled")["log"] == "1\n"


@pytest.mark.parametrize(("value", "present", "code"), [(1, True, 0), (0, True, 10), (1, False, 11)])
def test_the_kernel_says_what_the_node_is_set_to(kube: Kube, value: int, present: bool, code: int) -> None:
    node = kube.nodes("apps")[0]
    node.kernel_fips, node.fips_file = value, present
    assert kube.run("sh", "-c", READ)["exitCode"] == code


def test_a_container_sees_the_boot_that_the_node_says(kube: Kube) -> None:
    name = kube.nodes("apps")[0].name
    boot = kube.get(f"/api/v1/nodes/{name}")["status"]["nodeInfo"]["bootID"]
    assert kube.run("cat", "/proc/sys/kernel/random/boot_id")["log"] == f"{boot}\n"


def test_variables_of_the_container_are_the_scripts(kube: Kube) -> None:
    assert kube.run("sh", "-c", "echo $WHERE", env=[{"name": "WHERE", "value": "here"}])["log"] == "here\n"


def test_the_host_is_seen_only_through_its_mount(kube: Kube) -> None:
    script = "cat /host/etc/os-release | head -n 1; ls /host"
    assert kube.run("sh", "-c", script, **HOST)["log"] == 'NAME="Microsoft Azure Linux"\netc\nproc\n'
    assert kube.run("sh", "-c", script)["exitCode"] == 1


def providers(kube: Kube, **more: Any) -> Any:
    return kube.run("chroot", "/host", "openssl", "list", "-providers", **HOST, **more)


def test_azure_linux_has_symcrypt_and_a_node_can_lack_it(kube: Kube) -> None:
    assert "  symcryptprovider\n    name: SymCrypt Provider\n" in providers(kube)["log"]
    kube.nodes("apps")[0].fips_provider = False
    assert "symcrypt" not in providers(kube)["log"]


@pytest.mark.parametrize(("sku", "fips", "has"), [("Ubuntu2204", True, True), ("Ubuntu2204", False, False)])
def test_ubuntu_has_the_fips_provider_on_a_fips_image(kube: Kube, sku: str, fips: bool, has: bool) -> None:
    kube.azure.world.add_pool(kube.cluster, "ubuntu", count=1, osSKU=sku, enableFIPS=fips)
    found = providers(kube, nodeName=kube.nodes("ubuntu")[0].name)
    assert found["exitCode"] == 0
    assert ("\n  fips\n" in found["log"]) == has


def test_openssl_1_1_of_ubuntu_20_04_knows_no_providers(kube: Kube) -> None:
    kube.azure.world.add_pool(kube.cluster, "focal", count=1, osSKU="Ubuntu", enableFIPS=True)
    found = providers(kube, nodeName=kube.nodes("focal")[0].name)
    assert found["exitCode"] == 1
    assert "unknown option -providers" in found["log"]


def test_azure_container_linux_has_its_marker(kube: Kube) -> None:
    kube.azure.world.add_pool(kube.cluster, "acl", count=1, osSKU="AzureContainerLinux", enableFIPS=True)
    at = {"nodeName": kube.nodes("acl")[0].name}
    assert kube.run("test", "-f", "/host/etc/system-fips", **HOST, **at)["exitCode"] == 0
    assert kube.run("test", "-f", "/host/etc/system-fips", **HOST)["exitCode"] == 1


@pytest.mark.parametrize(
    "context",
    [{"capabilities": {"drop": ["ALL"]}}, {"runAsNonRoot": True}, {"runAsUser": 1000}],
)
def test_chroot_needs_its_capability(kube: Kube, context: dict[str, Any]) -> None:
    found = providers(kube, context=context)
    assert found["exitCode"] == 1
    assert "Operation not permitted" in found["log"]


def test_chroot_needs_a_root(kube: Kube) -> None:
    assert kube.run("chroot", "/nope", "cat", "/x")["exitCode"] == 1
    assert kube.run("chroot", "/host", "fips-mode", "--check", **HOST)["exitCode"] == 127


@pytest.mark.parametrize(("links", "code"), [("ln -s usr/lib64 /host/lib64; ", 0), ("", 1)])
def test_the_host_s_programs_run_beside_its_usr_and_a_link_to_their_loader(kube: Kube, links: str, code: int) -> None:
    spec: dict[str, Any] = {
        "context": {"readOnlyRootFilesystem": True},
        "volumes": [{"name": "root", "emptyDir": {}}, {"name": "usr", "hostPath": {"path": "/usr"}}],
        "mounts": [
            {"name": "root", "mountPath": "/host"},
            {"name": "usr", "mountPath": "/host/usr", "readOnly": True},
        ],
    }

    assert kube.run("sh", "-c", f"{links}chroot /host openssl version", **spec)["exitCode"] == code
    assert kube.run("sh", "-c", "echo a >/host/usr/a", **spec)["exitCode"] == 1


def test_a_read_only_root_leaves_the_termination_message_and_empty_folders(kube: Kube) -> None:
    spec: dict[str, Any] = {
        "context": {"readOnlyRootFilesystem": True},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "mounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    ended = kube.run("sh", "-c", "echo a > /tmp/a && echo b > /b; echo told > /dev/termination-log", **spec)
    assert ended["message"] == "told\n"
    assert ended["log"] == "sh: can't create /b: Read-only file system\n"
