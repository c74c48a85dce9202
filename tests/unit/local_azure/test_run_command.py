"""Run command over ARM: how a command is taken and read back, its limits, and what it may."""

import base64
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from local import seed
from local.faces import Response, kubeconfig
from local.faces.aks_commands import STARTS_AFTER
from local.world import World, rollout
from local.world.access import APP, OPERATOR, Role
from local.world.commands import OUTPUT_LIMIT
from local.world.failures import RUN_COMMAND_SLOW
from local.world.faults import Answer, Delay, Drop, Fault
from local.world.model import Cluster
from tests.unit.local_azure.asking import CLUSTERS, PROD, Azure, empty_azure

LAB = f"{CLUSTERS}/aks-lab"
MAY_RUN = Role(
    "run command",
    (
        "Microsoft.ContainerService/managedClusters/runcommand/action",
        "Microsoft.ContainerService/managedClusters/commandResults/read",
    ),
)


def zipped(**files: str) -> str:
    """Pack files as a client does; a double underscore in a name is its dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return base64.encodebytes(packed.getvalue()).decode()


def entra_token(azure: Azure) -> str:
    """Return a token of whoever asks for the AKS server application."""
    return azure.world.access.token(azure.who, kubeconfig.KUBERNETES_AUDIENCE)[0]


def begin(azure: Azure, command: str, cluster: str = LAB, **body: Any) -> Response:
    """Ask for a command."""
    return azure.ask("POST", f"{cluster}/runCommand", {"command": command, "context": "", **body})


def look(azure: Azure, begun: Response) -> Response:
    """Ask how a command stands."""
    return azure.get(begun.header("Location").removeprefix("https://localhost"))


def result(azure: Azure, command: str, cluster: str = LAB, **body: Any) -> dict[str, Any]:
    """Run a command to its end and return its properties."""
    begun = begin(azure, command, cluster, **body)
    assert begun.status == 202, begun.body
    azure.pass_time(timedelta(seconds=70))
    ended = look(azure, begun)
    assert ended.status == 200
    found: dict[str, Any] = ended.json()["properties"]
    return found


def add_lab(world: World, **options: Any) -> Cluster:
    """Add a cluster with local accounts and one node."""
    cluster = world.add_cluster(seed.PAYMENTS, "rg-payments", "aks-lab", **options)
    world.add_pool(cluster, "system", count=1, mode="System")
    return cluster


@pytest.fixture
def azure() -> Azure:
    found = empty_azure()
    add_lab(found.world)
    found.world.access.assign(APP, MAY_RUN, f"/subscriptions/{seed.PAYMENTS}")
    return found


def test_a_command_is_taken_runs_and_is_read_back(azure: Azure) -> None:
    begun = begin(azure, "kubectl get nodes")
    assert (begun.status, begun.body) == (202, b"")
    assert "/managedclusters/aks-lab/commandResults/" in begun.header("Location")
    running = look(azure, begun)
    assert running.status == 202
    assert running.json()["properties"] == {"provisioningState": "Running"}
    assert running.header("Location") == begun.header("Location")
    azure.pass_time(STARTS_AFTER)
    ended = look(azure, begun)
    assert ended.status == 200
    assert begun.header("Location").partition("?")[0].endswith(ended.json()["id"])
    properties = ended.json()["properties"]
    assert (properties["provisioningState"], properties["exitCode"]) == ("Succeeded", 0)
    assert properties["startedAt"] == properties["finishedAt"] == "2026-11-23T09:00:05Z"
    node = rollout.nodes(azure.world.cluster_by_id(LAB), azure.world.cluster_by_id(LAB).pools["system"])[0].name
    head, row = properties["logs"].splitlines()
    assert head.split()[:5] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert row.startswith(f"{node}   Ready")


def test_a_result_that_was_never_begun_is_not_found(azure: Azure) -> None:
    assert azure.get(f"{LAB}/commandResults/0123").status == 404


def test_of_the_app_s_roles_one_alone_allows_run_command(azure: Azure) -> None:
    begun = begin(azure, "true")
    scope = f"/subscriptions/{seed.PAYMENTS}"
    azure.world.access.revoke(APP, scope)
    for role in (seed.READER, seed.REMEDIATOR, seed.NODE_READER, seed.NODE_PROVER):
        azure.world.access.assign(APP, role, scope)
    assert begin(azure, "true").status == 403
    assert "runcommand/action" in begin(azure, "true").json()["error"]["message"]
    assert look(azure, begun).status == 403
    azure.world.access.assign(APP, seed.RUN_COMMAND, scope)
    assert begin(azure, "true").status == 202


def test_a_cluster_with_entra_wants_a_token_and_gives_its_rights(azure: Azure) -> None:
    assert begin(azure, "kubectl get nodes", PROD).status == 400
    assert begin(azure, "kubectl get nodes", PROD, clusterToken="forged").status == 400
    token = entra_token(azure)
    seen = result(azure, "kubectl get nodes -o name", PROD, clusterToken=token)
    assert len(seen["logs"].splitlines()) == 6
    refused = result(
        azure, "kubectl get --raw /apis/karpenter.azure.com/v1beta1/aksnodeclasses", PROD, clusterToken=token
    )
    assert refused["exitCode"] == 1
    assert refused["logs"].startswith("Error from server (Forbidden): aksnodeclasses")
    boss = entra_token(azure.by(OPERATOR))
    assert result(azure, "kubectl get ns", PROD, clusterToken=boss)["exitCode"] == 0


@pytest.mark.parametrize(
    ("properties", "status"),
    [({"apiServerAccessProfile": {"disableRunCommand": True}}, 400), ({"powerState": "Stopped"}, 409)],
    ids=["disabled", "stopped"],
)
def test_run_command_is_refused_where_there_is_none(azure: Azure, properties: dict[str, Any], status: int) -> None:
    cluster = azure.world.cluster_by_id(LAB)
    cluster.power_state = properties.pop("powerState", "Running")
    cluster.properties |= properties
    assert begin(azure, "kubectl get nodes").status == status


def test_a_cluster_that_is_being_made_has_no_run_command_yet(azure: Azure) -> None:
    azure.world.cluster_by_id(LAB).provisioning_state = "Creating"
    assert "fully provisioned" in begin(azure, "true").json()["message"]


def test_a_request_without_a_command_or_with_a_broken_context_is_refused(azure: Azure) -> None:
    assert begin(azure, "").status == 400
    assert begin(azure, "true", context="not a zip").status == 400
    assert begin(azure, "true", context=base64.b64encode(b"nor this").decode()).status == 400


def test_a_command_that_finds_no_node_to_run_on_is_not_found_in_the_end(azure: Azure) -> None:
    cluster = azure.world.cluster_by_id(LAB)
    rollout.nodes(cluster, cluster.pools["system"])[0].unschedulable = True
    begun = begin(azure, "true")
    assert (begun.status, look(azure, begun).status) == (202, 202)
    azure.pass_time(timedelta(seconds=61))
    assert look(azure, begun).status == 404


def test_output_is_cut_at_512_kb_without_an_error(azure: Azure) -> None:
    said = result(azure, "cat long.txt", context=zipped(long__txt="x" * (OUTPUT_LIMIT + 10)))
    assert (said["exitCode"], len(said["logs"])) == (0, OUTPUT_LIMIT)


def test_a_command_that_takes_more_than_a_minute_fails_and_the_rest_of_it_is_not_run(azure: Azure) -> None:
    said = result(azure, "sleep 61; kubectl get nodes")
    assert said["provisioningState"] == "Failed"
    assert "60 seconds" in said["reason"]
    assert not [entry for entry in azure.world.requests if entry.kind == "kubernetes"]


def test_an_api_server_that_takes_its_time_uses_up_the_minute(azure: Azure) -> None:
    slow = Fault(Delay(timedelta(seconds=40)), kind="kubernetes", times=None)
    azure.world.faults.add(slow)
    assert result(azure, "kubectl get --raw /version")["provisioningState"] == "Failed"
    azure.world.faults.clear()
    azure.world.faults.add(Fault(Delay(timedelta(seconds=40)), kind="kubernetes"))
    said = result(azure, "kubectl get --raw /version")
    assert (said["provisioningState"], said["exitCode"]) == ("Succeeded", 0)


def test_a_command_under_way_is_running_until_its_time_has_passed(azure: Azure) -> None:
    begun = begin(azure, "sleep 30")
    azure.pass_time(STARTS_AFTER + timedelta(seconds=29))
    assert look(azure, begun).status == 202
    azure.pass_time(timedelta(seconds=1))
    properties = look(azure, begun).json()["properties"]
    assert (properties["startedAt"], properties["finishedAt"]) == ("2026-11-23T09:00:05Z", "2026-11-23T09:00:35Z")


def test_a_slow_cluster_refuses_as_it_was_seen_to(azure: Azure) -> None:
    azure.world.faults.add(Fault(RUN_COMMAND_SLOW, kind="runCommand"))
    assert begin(azure, "true").json()["code"] == "KubernetesPerformanceError"


def test_run_command_reaches_a_private_cluster_that_nobody_else_reaches(azure: Azure) -> None:
    cluster = azure.world.cluster_by_id(LAB)
    cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
    assert result(azure, "kubectl get nodes -o name")["exitCode"] == 0


# what the shell and kubectl understand


def logs(azure: Azure, command: str, **files: str) -> tuple[int, str]:
    """Run a command with files; return its exit code and what it printed."""
    said = result(azure, command, context=zipped(**files) if files else "")
    return said["exitCode"], said["logs"]


@pytest.mark.parametrize(
    ("command", "code", "printed"),
    [
        ("true && echo yes || echo no", 0, "yes\n"),
        ("false && echo yes || echo no", 0, "no\n"),
        ("false; echo after", 0, "after\n"),
        ("echo a; false", 1, "a\n"),
        ("echo one\necho two", 0, "one\ntwo\n"),
        ("exit 3; echo never", 3, ""),
        ("echo 'a  $b' \"c d\" e\\ f", 0, "a  $b c d e f\n"),
        ("for x in a b; do echo \"<$x>\" '$x'; done", 0, "<a> $x\n<b> $x\n"),
        ("for x in a b\ndo\n  echo ${x}1; false\ndone", 1, "a1\nb1\n"),
        ("helm list", 127, "sh: helm: not found\n"),
        ("nope && echo yes", 127, "sh: nope: not found\n"),
        ("cat missing", 1, "cat: missing: No such file or directory\n"),
        ("kubectl frobnicate", 1, 'error: unknown command "frobnicate" for "kubectl"\n'),
        ("kubectl get widgets", 1, 'error: the server doesn\'t have a resource type "widgets"\n'),
        ("kubectl get", 1, "error: You must specify the type of resource to get.\n"),
        ("kubectl get nodes -o yaml", 1, 'error: unable to match a printer suitable for the output format "yaml"\n'),
        ("kubectl get nodes -l a=b", 0, "No resources found.\n"),
        ("kubectl get node gone", 1, 'Error from server (NotFound): nodes "gone" not found\n'),
        ("kubectl get nodes/gone", 1, 'Error from server (NotFound): nodes "gone" not found\n'),
        (
            "kubectl get --raw /nothing",
            1,
            "Error from server (NotFound): the server could not find the requested resource\n",
        ),
        ("kubectl create --raw /x -f gone.json", 1, 'error: the path "gone.json" does not exist\n'),
        ("exit soon; echo after", 0, "sh: exit: Illegal number: soon\nafter\n"),
        ("sleep", 1, "sleep: invalid time interval ''\n"),
        ("sleep 1.5m || echo no", 0, "sleep: invalid time interval '1.5m'\nno\n"),
        ("$NOTHING", 127, "sh: : not found\n"),
        ("kubectl", 1, 'error: unknown command "" for "kubectl"\n'),
        ("kubectl get nodes --frob", 1, "error: unrecognized arguments: --frob\n"),
        ("kubectl delete node", 1, "error: resource(s) were provided, but no name was specified\n"),
    ],
)
def test_the_shell_reads_what_programs_send(azure: Azure, command: str, code: int, printed: str) -> None:
    assert logs(azure, command) == (code, printed)


@pytest.mark.parametrize(
    "command", ["kubectl get nodes | wc -l", "echo `id`", 'echo "$(id)"', "for x in a; do echo", "for x; do echo; done"]
)
def test_what_the_shell_does_not_know_is_a_syntax_error_and_nothing_runs(azure: Azure, command: str) -> None:
    code, printed = logs(azure, f"echo before; {command}")
    assert code == 2
    assert printed.startswith("sh: syntax error: ")


def test_files_of_the_context_are_in_the_working_directory(azure: Azure) -> None:
    assert logs(azure, 'for f in *.json; do cat "$f"; done', b__json="2", a__json="1", c__txt="3") == (0, "12")
    assert logs(azure, 'echo "*.json" *.json nothing*', a__json="1") == (0, "*.json a.json nothing*\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "error: error parsing x.json: "),
        ("[]", 'error: unable to decode "x.json": '),
        ("{}", 'error: unable to decode "x.json": '),
        ('{"apiVersion": "v1", "kind": "Namespace"}', "error: resource name may not be empty"),
        ('{"apiVersion": "v1", "kind": "Namespace", "metadata": {}}', "error: resource name may not be empty"),
    ],
)
def test_a_file_that_holds_no_object_is_told_and_nothing_is_made(azure: Azure, text: str, said: str) -> None:
    code, printed = logs(azure, "kubectl apply -f x.json", x__json=text)
    assert code == 1
    assert printed.startswith(said)
    assert not [entry for entry in azure.world.requests if entry.kind == "kubernetes" and entry.method != "GET"]


def test_kubectl_prints_json_names_and_raw_answers(azure: Azure) -> None:
    code, printed = logs(azure, "kubectl get nodes -o json")
    found = json.loads(printed)
    assert (code, found["kind"], len(found["items"])) == (0, "List", 1)
    name = found["items"][0]["metadata"]["name"]
    assert logs(azure, "kubectl get no -o name") == (0, f"node/{name}\n")
    assert json.loads(logs(azure, f"kubectl get node {name} -o json")[1])["metadata"]["name"] == name
    assert json.loads(logs(azure, "kubectl get --raw '/api/v1/nodes?limit=1'")[1])["kind"] == "NodeList"
    assert "KERNEL-VERSION" in logs(azure, "kubectl get nodes -o wide")[1]
    assert logs(azure, "kubectl get ns")[1].splitlines()[0].split()[0] == "NAME"
    assert "Server Version: v1.34.4" in logs(azure, "kubectl version")[1]


def test_an_api_server_that_is_not_there_is_told_as_kubectl_tells_it(azure: Azure) -> None:
    azure.world.faults.add(Fault(Drop(), kind="kubernetes"))
    code, printed = logs(azure, "kubectl get nodes")
    assert code == 1
    assert "was refused - did you specify the right host or port?" in printed


def test_a_refusal_of_the_api_server_stops_only_the_command_that_met_it(azure: Azure) -> None:
    exists = Answer(409, "AlreadyExists", 'pods "a" already exists')
    azure.world.faults.add(Fault(exists, method="POST", kind="kubernetes", times=None))
    create = 'for f in *.json; do kubectl create --raw /api/v1/namespaces/default/pods -f "$f"; done'
    code, printed = logs(azure, create, a__json="{}", b__json="{}")
    assert (code, printed) == (1, 'Error from server (AlreadyExists): pods "a" already exists\n' * 2)


def test_objects_are_made_changed_and_deleted_by_what_they_are(azure: Azure) -> None:
    done = Answer(200, "Done", "done")
    for method in ("POST", "PATCH", "DELETE"):
        azure.world.faults.add(Fault(done, method=method, kind="kubernetes", times=None))
    new = "{apiVersion: v1, kind: Namespace, metadata: {name: dummy}}"
    old = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    assert logs(azure, "kubectl create -f n.yaml", n__yaml=new) == (0, "namespace/dummy created\n")
    both = (0, "namespace/dummy created\nnamespace/default configured\n")
    assert logs(azure, "kubectl apply -f n.yaml", n__yaml=f"{new}\n---\n{old}") == both
    deleted = (0, 'namespace "dummy" deleted\n')
    assert logs(azure, "kubectl delete ns dummy --wait=false") == deleted
    assert logs(azure, "kubectl delete -f n.yaml", n__yaml=new) == deleted
    assert logs(azure, "kubectl delete --raw /api/v1/namespaces/dummy")[0] == 0
    asked = [entry.method for entry in azure.world.requests if entry.kind == "kubernetes" and entry.method != "GET"]
    assert asked == ["POST", "POST", "PATCH", "DELETE", "DELETE", "DELETE"]


def test_what_is_not_there_can_be_deleted_on_request(azure: Azure) -> None:
    gone = Answer(404, "NotFound", 'namespaces "gone" not found')
    azure.world.faults.add(Fault(gone, method="DELETE", kind="kubernetes", times=None))
    assert logs(azure, "kubectl delete ns gone") == (1, 'Error from server (NotFound): namespaces "gone" not found\n')
    assert logs(azure, "kubectl delete ns gone --ignore-not-found")[0] == 0
    unknown = '{"apiVersion": "x.dev/v1", "kind": "Widget", "metadata": {"name": "w"}}'
    code, printed = logs(azure, "kubectl apply -f w.json", w__json=unknown)
    assert code == 1
    assert printed.endswith('no matches for kind "Widget" in version "x.dev/v1"\n')
