"""The life of pods: where they run, when, what is left of them, and that they go with their namespace or node."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from local.world.kube import builders, kubelet, outside
from tests.unit.local_azure.kube import MOMENT, PODS, Kube

FOREVER = ["sleep", "infinity"]


def phase(kube: Kube, name: str = "a") -> tuple[str, str]:
    status = kube.pod(name)["status"]
    return status["phase"], status.get("reason", "")


def test_a_pod_is_pending_then_running_then_ended(kube: Kube) -> None:
    made = kube.create("a", command=["sh", "-c", "sleep 60; exit 3"], nodeName=kube.nodes("apps")[0].name)
    assert made.json()["status"]["phase"] == "Pending"
    seen = [phase(kube)[0]]
    for step in (5 * MOMENT, timedelta(seconds=30), timedelta(seconds=40)):
        kube.wait(step)
        seen.append(phase(kube)[0])
    assert seen == ["Pending", "Running", "Running", "Failed"]
    status = kube.pod("a")["status"]
    container = status["containerStatuses"][0]
    ended = container["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (3, "Error")
    assert status["startTime"] <= ended["startedAt"] < ended["finishedAt"]
    assert container["imageID"].startswith("docker.io/library/busybox@sha256:")


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("registry.example.com:5000/probe:1", "registry.example.com:5000/probe@sha256:"),
        ("mcr.microsoft.com/x/y@sha256:abc", "mcr.microsoft.com/x/y@sha256:abc"),
        ("busybox", "docker.io/library/busybox@sha256:"),
    ],
)
def test_the_digest_that_ran_is_known(image: str, shown: str) -> None:
    assert kubelet.image_id(image).startswith(shown)


def test_the_message_is_what_the_container_wrote(kube: Kube) -> None:
    said = kube.run("sh", "-c", "echo log; printf told > /tmp/message", terminationMessagePath="/tmp/message")
    assert said["message"] == "told"
    assert "message" not in kube.run("sh", "-c", "echo log; exit 1")


def test_the_log_stands_in_for_the_message_only_after_a_failure(kube: Kube) -> None:
    policy = "FallbackToLogsOnError"
    assert kube.run("sh", "-c", "echo why; exit 1", terminationMessagePolicy=policy)["message"] == "why\n"
    assert "message" not in kube.run("sh", "-c", "echo why", terminationMessagePolicy=policy)
    long = "; ".join(f"echo line {number}" for number in range(100)) + "; exit 1"
    assert kube.run("sh", "-c", long, terminationMessagePolicy=policy)["message"].startswith("line 20\n")


def test_a_deadline_ends_a_pod(kube: Kube) -> None:
    kube.create("a", command=FOREVER, nodeName=kube.nodes("apps")[0].name, activeDeadlineSeconds=60)
    kube.wait(timedelta(seconds=30))
    assert phase(kube)[0] == "Running"
    kube.wait(timedelta(seconds=60))
    assert phase(kube) == ("Failed", "DeadlineExceeded")
    assert kube.pod("a")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137


def test_an_image_that_cannot_be_pulled_waits_until_the_deadline(kube: Kube) -> None:
    kube.cluster.kube.unpullable.add("private/probe")
    kube.create("a", image="private/probe", nodeName=kube.nodes("apps")[0].name, activeDeadlineSeconds=60)
    kube.wait(timedelta(seconds=30))
    assert kube.table(PODS)[0][:3] == ["a", "0/1", "ImagePullBackOff"]
    kube.wait(timedelta(seconds=60))
    assert phase(kube) == ("Failed", "DeadlineExceeded")


def test_a_pod_that_always_restarts_backs_off(kube: Kube) -> None:
    kube.create("a", command=["false"], restartPolicy="Always", nodeName=kube.nodes("apps")[0].name)
    kube.wait()
    container = kube.pod("a")["status"]["containerStatuses"][0]
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container["lastState"]["terminated"]["exitCode"] == 1


def test_it_is_started_again_after_its_back_off(kube: Kube) -> None:
    always = {"restartPolicy": "Always", "nodeName": kube.nodes("apps")[0].name}
    kube.create("a", command=["sh", "-c", "sleep 60; exit 1"], **always)
    seen = []
    for _ in range(40):
        kube.wait(timedelta(seconds=20))
        seen.append(kube.pod("a")["status"]["containerStatuses"][0])
    assert {next(iter(one["state"])) for one in seen} == {"running", "waiting"}
    assert [one["restartCount"] for one in seen] == sorted(one["restartCount"] for one in seen)
    last = next(one for one in seen if one["restartCount"] and "running" in one["state"])["lastState"]["terminated"]
    ran = datetime.fromisoformat(last["finishedAt"]) - datetime.fromisoformat(last["startedAt"])
    assert (last["exitCode"], ran) == (1, timedelta(seconds=60))
    assert kube.table(PODS)[0][3] == seen[-1]["restartCount"]


def test_a_pod_waits_for_its_node_to_be_ready(kube: Kube) -> None:
    node = kube.nodes("apps")[0]
    node.ready = False
    kube.create("a", command=["true"], nodeName=node.name, activeDeadlineSeconds=10)
    kube.wait(timedelta(hours=1))
    assert phase(kube) == ("Pending", "")
    node.ready = True
    kube.get(PODS)
    kube.wait()
    assert phase(kube) == ("Succeeded", "")


def test_what_runs_on_a_node_that_stops_being_ready_is_not_heard_of(kube: Kube) -> None:
    node = kube.nodes("apps")[0]
    kube.create("a", command=["sleep", "60"], nodeName=node.name)
    kube.wait()
    node.ready = False
    kube.wait(timedelta(minutes=5))
    assert phase(kube)[0] == "Running"
    kube.ask("DELETE", f"{PODS}/a")
    kube.wait()
    assert kube.table(PODS)[0][2] == "Terminating"
    kube.ask("DELETE", f"{PODS}/a?gracePeriodSeconds=0")
    assert kube.names(PODS) == []


def test_a_terminating_pod_goes_once_its_node_is_back(kube: Kube) -> None:
    node = kube.nodes("apps")[0]
    kube.create("a", command=FOREVER, nodeName=node.name)
    kube.wait()
    node.ready = False
    kube.ask("DELETE", f"{PODS}/a")
    kube.wait()
    node.ready = True
    kube.get(PODS)
    kube.wait()
    assert kube.names(PODS) == []


@pytest.mark.parametrize(("deadline", "ends"), [(60, "Failed"), (300, "Succeeded")])
def test_a_deadline_holds_across_a_time_without_news(kube: Kube, deadline: int, ends: str) -> None:
    node = kube.nodes("apps")[0]
    kube.create("a", command=["sleep", "120"], nodeName=node.name, activeDeadlineSeconds=deadline)
    kube.wait()
    node.ready = False
    kube.wait(timedelta(seconds=200))
    node.ready = True
    kube.get(PODS)
    kube.wait()
    assert phase(kube)[0] == ends


@pytest.mark.parametrize("query", ["log?tailLines=x", "log?limitBytes=-1"])
def test_numbers_that_are_none_are_refused(kube: Kube, query: str) -> None:
    builders.add_pod(kube.cluster, "a")
    kube.wait()
    assert kube.ask("GET", f"{PODS}/a/{query}").status == 400
    assert kube.ask("GET", f"{PODS}?watch=1&resourceVersion=x").status == 400


def test_a_pod_of_a_node_that_is_not_there_is_collected(kube: Kube) -> None:
    kube.create("a", command=["true"], nodeName="nobody")
    assert phase(kube)[0] == "Pending"
    kube.wait()
    assert kube.names(PODS) == []


def test_a_pod_that_the_node_does_not_match_fails_there(kube: Kube) -> None:
    kube.create("a", command=["true"], nodeName=kube.nodes("apps")[0].name, nodeSelector={"agentpool": "system"})
    kube.wait()
    assert phase(kube) == ("Failed", "NodeAffinity")


def affinity(*expressions: dict[str, Any], member: str = "matchExpressions") -> dict[str, Any]:
    required = {"nodeSelectorTerms": [{member: list(expressions)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"agentpool": "system"}},
        {"affinity": affinity({"key": "agentpool", "operator": "In", "values": ["system"]})},
        {"affinity": affinity({"key": "agentpool", "operator": "NotIn", "values": ["apps"]})},
        {
            "affinity": affinity(
                {"key": "kubernetes.azure.com/mode", "operator": "Exists"},
                {"key": "agentpool", "operator": "In", "values": ["system", "x"]},
            )
        },
    ],
)
def test_the_scheduler_obeys_selectors(kube: Kube, spec: dict[str, Any]) -> None:
    kube.create("a", command=FOREVER, **spec)
    assert "-system-" in kube.pod("a")["spec"]["nodeName"]


def test_affinity_can_name_a_node(kube: Kube) -> None:
    name = kube.nodes("apps")[2].name
    one = {"key": "metadata.name", "operator": "In", "values": [name]}
    kube.create("a", command=FOREVER, affinity=affinity(one, member="matchFields"))
    assert kube.pod("a")["spec"]["nodeName"] == name


def test_pods_spread_over_the_emptiest_nodes(kube: Kube) -> None:
    builders.add_workload(kube.cluster, "web", replicas=6)
    assert len({pod["spec"]["nodeName"] for pod in kube.get(PODS)["items"]}) == 6


def test_taints_and_cordons_keep_pods_away_and_tolerations_do_not(kube: Kube) -> None:
    kube.azure.world.add_pool(kube.cluster, "gpu", count=1, nodeTaints=["sku=gpu:NoSchedule"])
    here: dict[str, Any] = {"nodeSelector": {"agentpool": "gpu"}}
    kube.create("a", command=FOREVER, **here)
    assert "nodeName" not in kube.pod("a")["spec"]
    right = {"key": "sku", "value": "gpu", "effect": "NoSchedule"}
    kube.create("b", command=FOREVER, tolerations=[right], **here)
    assert "nodeName" in kube.pod("b")["spec"]
    kube.nodes("gpu")[0].unschedulable = True
    kube.create("c", command=FOREVER, tolerations=[right], **here)
    assert "nodeName" not in kube.pod("c")["spec"]
    kube.create("d", command=FOREVER, tolerations=[{"operator": "Exists"}], **here)
    assert "nodeName" in kube.pod("d")["spec"]


def test_a_pending_pod_is_scheduled_when_a_node_comes(kube: Kube) -> None:
    kube.create("a", command=FOREVER, nodeSelector={"agentpool": "late"})
    assert kube.pod("a")["status"]["conditions"][0]["reason"] == "Unschedulable"
    kube.azure.world.add_pool(kube.cluster, "late", count=1)
    kube.get(PODS)
    kube.wait()
    assert phase(kube)[0] == "Running"


def test_selectors_pieces_and_tables_show_pods(kube: Kube) -> None:
    node = kube.nodes("apps")[1].name
    for name in ("a", "b", "c"):
        kube.create(name, command=["true"], labels={"app": name}, nodeName=node)
    kube.create("d", command=FOREVER, nodeName=kube.nodes("apps")[0].name)
    kube.wait()
    assert kube.names(f"{PODS}?labelSelector=app in (a, c)") == ["a", "c"]
    assert kube.names(f"{PODS}?fieldSelector=spec.nodeName={node},status.phase!=Running") == ["a", "b", "c"]
    assert kube.names("/api/v1/pods?fieldSelector=metadata.namespace=default,metadata.name=d") == ["d"]
    first = kube.get(f"{PODS}?limit=3")
    assert first["metadata"]["remainingItemCount"] == 1
    assert kube.names(f"{PODS}?limit=3&continue={first['metadata']['continue']}") == ["d"]
    assert kube.table(PODS)[0][:5] == ["a", "0/1", "Completed", 0, "30s"]
    assert kube.table(f"{PODS}/d")[0][:3] == ["d", "1/1", "Running"]


def test_logs_can_be_cut(kube: Kube) -> None:
    kube.create("a", command=["sh", "-c", "echo 1; echo 2; echo 3"], nodeName=kube.nodes("apps")[0].name)
    assert kube.ask("GET", f"{PODS}/a/log").json()["code"] == 400
    kube.wait()
    assert kube.ask("GET", f"{PODS}/a/log?tailLines=2").body == b"2\n3\n"
    assert kube.ask("GET", f"{PODS}/a/log?tailLines=0").body == b""
    assert kube.ask("GET", f"{PODS}/a/log?limitBytes=3").body == b"1\n2"
    assert kube.ask("GET", f"{PODS}/a/log?container=other").status == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"metadata": {"name": "a"}, "spec": {}}, 422),
        ({"metadata": {"name": "a"}, "spec": {"containers": ["x"]}}, 422),
        ({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "x"}]}}, 422),
        ({"metadata": {"name": "A_"}, "spec": {"containers": [{"name": "x", "image": "y"}]}}, 422),
        (
            {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "x", "image": "y"}], "initContainers": [1]}},
            422,
        ),
        ({"kind": "Service"}, 400),
        (b"nonsense", 400),
    ],
)
def test_a_pod_that_makes_no_sense_is_refused(kube: Kube, body: Any, code: int) -> None:
    assert kube.ask("POST", PODS, body).status == code
    assert kube.names(PODS) == []


def test_a_name_is_given_once(kube: Kube) -> None:
    kube.create("a", command=FOREVER)
    refused = kube.create("a", command=FOREVER).json()
    assert (refused["code"], refused["reason"]) == (409, "AlreadyExists")
    spec = {"containers": [{"name": "x", "image": "y"}]}
    made = [kube.ask("POST", PODS, {"metadata": {"generateName": "b-"}, "spec": spec}).json() for _ in range(2)]
    assert made[0]["metadata"]["name"] != made[1]["metadata"]["name"]


def test_a_pod_is_deleted_by_its_uid_or_not_at_all(kube: Kube) -> None:
    kube.create("a", command=FOREVER)
    refused = kube.ask("DELETE", f"{PODS}/a", {"preconditions": {"uid": "other"}})
    assert (refused.status, refused.json()["reason"]) == (409, "Conflict")
    uid = kube.pod("a")["metadata"]["uid"]
    assert kube.ask("DELETE", f"{PODS}/a", {"preconditions": {"uid": uid}}).status == 200
    kube.wait()
    assert kube.ask("DELETE", f"{PODS}/a").status == 404


def test_labels_of_a_pod_can_be_changed_and_nothing_else(kube: Kube) -> None:
    kube.create("a", command=FOREVER, labels={"app": "a", "old": "1"})
    body = {
        "kind": "Pod",
        "metadata": {"name": "a", "labels": {"old": None, "new": "2"}},
        "spec": {"restartPolicy": "Never"},
    }
    assert kube.ask("PATCH", f"{PODS}/a", body).status == 200
    assert kube.pod("a")["metadata"]["labels"] == {"app": "a", "new": "2"}
    assert kube.ask("PATCH", f"{PODS}/a", {"spec": {"restartPolicy": "Always"}}).status == 422
    assert kube.ask("PATCH", f"{PODS}/a", {"status": {"phase": "Failed"}}).status == 422


def test_many_pods_are_deleted_by_their_labels(kube: Kube) -> None:
    for name in ("a", "b"):
        kube.create(name, command=["true"], labels={"app": name}, nodeName=kube.nodes("apps")[0].name)
    kube.wait()
    kube.ask("DELETE", f"{PODS}?labelSelector=app=a")
    assert kube.names(PODS) == ["b"]


def test_a_namespace_goes_with_everything_in_it(kube: Kube) -> None:
    made = kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "probe", "labels": {"a": "b"}}})
    assert (made.status, made.json()["metadata"]["labels"]["a"]) == (201, "b")
    assert kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "probe"}}).status == 409
    builders.add_workload(kube.cluster, "web", namespace="probe", replicas=2)
    builders.add_budget(kube.cluster, "web", namespace="probe", min_available=2)
    kube.wait()
    assert kube.ask("DELETE", "/api/v1/namespaces/probe").json()["status"]["phase"] == "Terminating"
    refused = kube.create("late", namespace="probe").json()
    assert (refused["code"], refused["reason"]) == (403, "Forbidden")
    assert "because it is being terminated" in refused["message"]
    kube.wait()
    assert "probe" not in kube.names("/api/v1/namespaces")
    assert (kube.names("/api/v1/pods"), kube.names("/apis/policy/v1/poddisruptionbudgets")) == ([], [])


def test_a_namespace_stays_while_a_lost_node_keeps_a_pod(kube: Kube) -> None:
    kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "probe"}})
    node = kube.nodes("apps")[0]
    kube.create("a", namespace="probe", command=FOREVER, nodeName=node.name)
    node.ready = False
    kube.ask("DELETE", "/api/v1/namespaces/probe")
    kube.wait(100 * MOMENT)
    assert kube.table("/api/v1/namespaces/probe")[0][1] == "Terminating"
    kube.ask("DELETE", "/api/v1/namespaces/probe/pods/a?gracePeriodSeconds=0")
    kube.wait()
    assert kube.ask("GET", "/api/v1/namespaces/probe").status == 404


def test_the_namespaces_of_the_system_stay(kube: Kube) -> None:
    assert kube.ask("DELETE", "/api/v1/namespaces/kube-system").status == 403
    assert kube.ask("DELETE", "/api/v1/namespaces/nobody").status == 404
    assert kube.create("a", namespace="nobody").json()["message"] == 'namespaces "nobody" not found'


def test_a_namespace_can_be_labelled(kube: Kube) -> None:
    patched = kube.ask("PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": {"a": "b"}}})
    assert patched.json()["metadata"]["labels"]["a"] == "b"
    kube.ask("PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": {"a": None}}})
    assert kube.names("/api/v1/namespaces?labelSelector=a") == []
    assert kube.ask("PATCH", "/api/v1/namespaces/default", {"spec": {"x": 1}}).status == 422


def test_a_pod_does_not_outlive_its_machine(kube: Kube) -> None:
    kube.create("a", command=FOREVER, nodeName=kube.nodes("apps")[0].name)
    kube.wait()
    kube.azure.put_pool("apps", enableFIPS=False)
    kube.azure.pass_time()
    assert kube.names(PODS) == []
    assert kube.cluster.kube.lost == 1


def test_a_watch_tells_what_changed_and_what_went(kube: Kube) -> None:
    since = kube.get(PODS)["metadata"]["resourceVersion"]
    assert kube.ask("GET", f"{PODS}?watch=1&resourceVersion={since}").again_after
    kube.create("a", command=FOREVER)
    line = kube.ask("GET", f"{PODS}?watch=1&resourceVersion={since}").json()
    assert line["object"]["metadata"]["name"] == "a"
    since = kube.get(PODS)["metadata"]["resourceVersion"]
    kube.ask("DELETE", f"{PODS}/a?gracePeriodSeconds=0")
    line = kube.ask("GET", f"{PODS}?watch=1&resourceVersion={since}&fieldSelector=metadata.name=a").json()
    assert (line["type"], line["object"]["metadata"]["name"]) == ("DELETED", "a")


def test_a_node_can_join_late(kube: Kube) -> None:
    pool = kube.cluster.pools["apps"]
    name = kube.nodes("apps")[1].name
    outside.hold_back(kube.cluster, pool, name, timedelta(minutes=5))
    assert name not in kube.names("/api/v1/nodes")
    kube.wait(timedelta(minutes=6))
    assert name in kube.names("/api/v1/nodes")
