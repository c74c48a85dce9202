"""What a reimage of a pool would harm, gathered of its nodes' pods; and the reader, on an API server in memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.domain.api_server import ENTRA_ONLY, Answered, Way
from shared.domain.demands import Demand, Requirement, Term
from shared.domain.model import Cluster, Unreadable
from shared.domain.observe_workloads import TEMPLATES
from shared.domain.workloads import HOLDS, TRY_AGAIN, Leaving, Names, Place, PodUse, Workloads, apart, gathered
from shared.workloads import Asked, Surveyed, read_workloads
from tests.builders import NOW, cluster, profile
from tests.unit.kubernetes_objects import (
    azure_files,
    budget,
    claim,
    daemon_set,
    kube_node,
    pod,
    storage_class,
    template,
    volume,
    with_claim,
    with_volume,
)

APPS = Place("aks-apps-0", "apps", {"disk": "ssd", "agentpool": "apps"})
WEB = Place("aks-web-0", "web", {"agentpool": "web"})
IN_APPS = Demand((("agentpool", "apps"),))
LISTS = {
    "/api/v1/nodes": "nodes",
    "/api/v1/persistentvolumes": "volumes",
    "/api/v1/persistentvolumeclaims": "claims",
    "/apis/storage.k8s.io/v1/storageclasses": "classes",
    "/apis/policy/v1/poddisruptionbudgets": "budgets",
    "/api/v1/pods": "pods",
    "/apis/apps/v1/namespaces/kube-system/daemonsets": "agents",
    **{path: kind for kind, path in TEMPLATES},
}


@dataclass
class ApiServer:
    """shared.ports.Kubernetes with one API server: lists with pages, the field selector by node, and refusals."""

    nodes: list[dict[str, Any]] = field(
        default_factory=lambda: [kube_node("aks-apps-0", "apps"), kube_node("aks-web-0", "web")]
    )
    volumes: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)
    agents: list[dict[str, Any]] = field(default_factory=list)
    templates: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Controllers by kind."""
    refuse: Mapping[str, int] = field(default_factory=dict)
    """Status by list."""
    way: Way = Way.ENTRA
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator["ApiServer"]:
        """Enter."""
        assert cluster.pools
        assert ways == ENTRA_ONLY
        yield self

    def get(self, path: str) -> Answered | Unreadable:
        """Answer a page of a list."""
        self.asked.append(path)
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        name = LISTS[parts.path]
        if name in self.refuse:
            return Answered(self.refuse[name], {"message": "no"})
        listed = self.templates.get(name, []) if name[0].isupper() else getattr(self, name)
        items = [item for item in listed if _selected(item, query.get("fieldSelector", ""))]
        first, size = int(query.get("continue", 0)), int(query["limit"])
        more = str(first + size) if len(items) > first + size else ""
        return Answered(200, {"metadata": {"continue": more}, "items": items[first : first + size]})

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered, ...]:
        """Nothing here is ever changed."""
        raise AssertionError((method, requests))


def _selected(item: Mapping[str, Any], selector: str) -> bool:
    if not selector:
        return True
    key, _, value = selector.partition("=")
    assert key == "spec.nodeName"
    return bool(item["spec"].get("nodeName", "") == value)


def read(api: Any, *pools: str) -> Surveyed:
    """What the reader finds of some pools, or else of `apps`."""
    return read_workloads(api, cluster(profile("apps"), profile("web")), ENTRA_ONLY, Asked(pools or ("apps",)), NOW)


class TestGathered:
    """Which pods count for which pool."""

    def test_a_pod_counts_for_the_pool_of_its_node(self) -> None:
        pods = [PodUse("pay/Deployment/ledger", "aks-apps-0", smb=True)]

        assert gathered("apps", [APPS, WEB], pods, (), NOW).smb == Names(("pay/Deployment/ledger",), 1)
        assert gathered("web", [APPS, WEB], pods, (), NOW) == Workloads(NOW, NOW + HOLDS)

    def test_every_kind_is_told_by_itself(self) -> None:
        pods = [
            PodUse("a/Deployment/a", "aks-apps-0", smb=True),
            PodUse("b/StatefulSet/b", "aks-apps-0", local_data=True, budgets=("b/PodDisruptionBudget/b",)),
            PodUse("c/Pod/c", "aks-apps-0", unmanaged=True, demand=IN_APPS),
        ]

        found = gathered("apps", [APPS], pods, ("z/PodDisruptionBudget/never",), NOW)

        assert [str(kind) for kind in (found.smb, found.local_data, found.unmanaged_pods, found.tied)] == [
            "a/Deployment/a",
            "b/StatefulSet/b",
            "c/Pod/c",
            "c/Pod/c",
        ]
        assert str(found.budgets) == "b/PodDisruptionBudget/b, z/PodDisruptionBudget/never"

    def test_the_pods_of_one_workload_are_one(self) -> None:
        pods = [PodUse("pay/Deployment/ledger", "aks-apps-0", smb=True)] * 3

        assert gathered("apps", [APPS], pods, (), NOW).smb.count == 1

    def test_of_many_ten_are_named_and_the_rest_is_counted(self) -> None:
        pods = [PodUse(f"pay/Pod/p{number:02}", "aks-apps-0", unmanaged=True) for number in range(30)]

        found = gathered("apps", [APPS], pods, (), NOW).unmanaged_pods

        assert (len(found.first), found.count) == (10, 30)
        assert str(found).endswith("pay/Pod/p09 and 20 more")

    @pytest.mark.parametrize(
        ("waiting", "apps", "web"),
        [
            (PodUse("w", "", smb=True), True, True),
            (PodUse("w", "", smb=True, demand=Demand((("disk", "ssd"),))), True, False),
            (PodUse("w", "", smb=True, demand=Demand((("disk", "tape"),))), False, False),
            (PodUse("w", "", smb=True, demand=Demand((("agentpool", "web"),))), False, True),
        ],
    )
    def test_a_pod_that_waits_counts_where_it_may_go(self, waiting: PodUse, *, apps: bool, web: bool) -> None:
        assert bool(gathered("apps", [APPS, WEB], [waiting], (), NOW).smb.count) is apps
        assert bool(gathered("web", [APPS, WEB], [waiting], (), NOW).smb.count) is web

    def test_a_pod_that_may_run_in_another_pool_is_tied_to_none(self) -> None:
        either = Demand(terms=(Term((Requirement("agentpool", "In", ("apps", "web")),)),))
        pods = [PodUse("w", "aks-apps-0", demand=either)]

        assert gathered("apps", [APPS, WEB], pods, (), NOW).tied == Names()

    def test_once_a_twin_shows_its_nodes_it_is_asked_what_they_have(self) -> None:
        """Until then they are taken to have all that AKS doesn't give each pool for itself."""
        pods, twin = [PodUse("w", "aks-apps-0", demand=Demand((("disk", "ssd"),)))], Place("n", "appsf", {})
        leaving = Leaving("appsf", {"disk": "ssd"})

        assert gathered("apps", [APPS, WEB], pods, (), NOW, leaving).tied == Names()
        assert gathered("apps", [APPS, WEB, twin], pods, (), NOW, leaving).tied == Names(("w",), 1)
        same = replace(twin, labels=APPS.labels)
        assert gathered("apps", [APPS, WEB, same], pods, (), NOW, leaving).tied == Names()
        assert gathered("apps", [APPS, replace(same, cordoned=True)], pods, (), NOW, leaving).tied.count == 1


class TestReader:
    """The lists of one cluster, read as a whole."""

    def test_of_a_pool_that_is_to_go_it_is_read_what_would_make_pods_for_it(self) -> None:
        api = ApiServer(
            pods=[pod(nodeSelector={"agentpool": "apps"})],
            templates={"CronJob": [template("CronJob", "nightly", nodeSelector={"agentpool": "apps"})]},
        )
        asked = Asked(("apps", "web"), {"apps": Leaving()})
        found = read_workloads(api, cluster(profile("apps")), ENTRA_ONLY, asked, NOW).pools

        assert str(found["apps"].tied) == "pay/CronJob/nightly, pay/Deployment/ledger"
        assert found["web"].tied == Names()
        assert str(read(ApiServer(templates=api.templates)).pools["apps"].tied) == "", "nobody asks of one that stays"

    def test_where_that_can_not_be_read_only_what_is_to_go_is_unread(self) -> None:
        api = ApiServer(refuse={"Job": 403})
        found = read_workloads(
            api, cluster(profile("apps")), ENTRA_ONLY, Asked(("apps", "web"), {"apps": Leaving()}), NOW
        )

        assert found.pools["apps"].unreadable.startswith("KubernetesForbidden: The app's identity may not list Jobs")
        assert found.pools["web"].unreadable == ""

    def test_everything_is_found_behind_claims_and_classes(self) -> None:
        api = ApiServer(
            volumes=[volume("v-share", csi=azure_files()), volume("v-nfs", csi=azure_files(protocol="nfs"))],
            classes=[storage_class("azurefile", "file.csi.azure.com")],
            claims=[
                claim("share", volumeName="v-share"),
                claim("nfs", volumeName="v-nfs"),
                claim("waiting", storageClassName="azurefile"),
            ],
            budgets=[budget("ledger", {"matchLabels": {"app": "ledger"}})],
            pods=[
                pod(volumes=with_claim("share")),
                pod("nfs", owners=[], volumes=with_claim("nfs"), labels={"app": "other"}),
                pod("new", node="", owners=[], volumes=with_claim("waiting")),
                pod("elsewhere", node="aks-web-0", owners=[]),
            ],
            agents=[daemon_set("ama-logs", "mcr.microsoft.com/azuremonitor/containerinsights/ciprod:3.1.8")],
        )

        found = read(api)

        assert found.agent == "3.1.8"
        apps = found.pools["apps"]
        assert str(apps.smb) == "pay/Deployment/ledger, pay/Pod/new"
        assert str(apps.budgets) == "pay/PodDisruptionBudget/ledger"
        assert str(apps.unmanaged_pods) == "pay/Pod/nfs"
        assert not apps.unreadable

    def test_a_claim_that_nothing_tells_of_leaves_every_pool_unread(self) -> None:
        found = read(ApiServer(claims=[claim("share", volumeName="new", storageClassName="")])).pools["apps"]

        assert "pay/share is bound to new" in found.unreadable

    def test_a_budget_that_never_allows_anything_counts_for_every_pool(self) -> None:
        api = ApiServer(budgets=[budget("never", {"matchLabels": {"app": "gone"}}, maxUnavailable=0)])

        found = read(api, "apps", "web")

        assert [str(one.budgets) for one in found.pools.values()] == ["pay/PodDisruptionBudget/never"] * 2

    def test_a_cluster_without_an_agent_has_none_and_one_that_may_not_be_read_is_not_known(self) -> None:
        assert read(ApiServer()).agent == ""
        assert read(ApiServer(refuse={"agents": 403})).agent is None
        assert not read(ApiServer(refuse={"agents": 403})).pools["apps"].unreadable

    @pytest.mark.parametrize("name", ["nodes", "volumes", "claims", "classes", "budgets", "pods"])
    @pytest.mark.parametrize(
        ("status", "reason", "until"),
        [(403, "KubernetesForbidden", HOLDS), (404, "KubernetesError", HOLDS), (503, "KubernetesError", TRY_AGAIN)],
    )
    def test_a_list_that_can_not_be_read_leaves_every_pool_unread(
        self, name: str, status: int, reason: str, until: timedelta
    ) -> None:
        found = read(ApiServer(refuse={name: status}), "apps", "web")

        for one in found.pools.values():
            assert one.unreadable.startswith(f"{reason}: ")
            assert one == Workloads(NOW, NOW + until, unreadable=one.unreadable)
        assert len(found.pools) == 2

    def test_a_cluster_that_can_not_be_entered_leaves_every_pool_unread(self) -> None:
        class Closed:
            @contextmanager
            def open(self, _: Cluster, __: frozenset[Way]) -> Iterator[Unreadable]:
                yield Unreadable("Unreachable", "the door is shut", timedelta(minutes=2))

        assert read(Closed()).pools["apps"].unreadable == "Unreachable: the door is shut"

    def test_thirty_thousand_pods_are_read_page_by_page_and_leave_names(self) -> None:
        api = ApiServer(pods=[pod(f"p{number}", volumes=with_volume(emptyDir={})) for number in range(30_000)])

        found = read(api).pools["apps"]

        assert found.local_data == Names(("pay/Deployment/ledger",), 1)
        assert sum(path.startswith("/api/v1/pods") for path in api.asked) == 60

    def test_the_nodes_of_a_small_pool_in_a_large_cluster_are_asked_one_by_one(self) -> None:
        others = [kube_node(f"aks-web-{number}", "web") for number in range(100)]
        api = ApiServer(
            nodes=[kube_node("aks-apps-0", "apps"), *others],
            claims=[claim("waiting", storageClassName="azurefile")],
            classes=[storage_class("azurefile", "file.csi.azure.com")],
            pods=[
                pod("mine", owners=[]),
                pod("new", node="", owners=[], volumes=with_claim("waiting")),
                *(pod(f"other{number}", node=f"aks-web-{number}", owners=[]) for number in range(100)),
            ],
        )

        found = read(api).pools["apps"]

        assert (str(found.unmanaged_pods), str(found.smb)) == ("pay/Pod/mine", "pay/Pod/new")
        assert [path for path in api.asked if path.startswith("/api/v1/pods")] == [
            "/api/v1/pods?fieldSelector=spec.nodeName%3Daks-apps-0&limit=500",
            "/api/v1/pods?fieldSelector=spec.nodeName%3D&limit=500",
        ]


@pytest.mark.parametrize(("mine", "others", "by_node"), [(1, 0, False), (1, 15, False), (1, 16, True), (6, 94, True)])
def test_nodes_are_asked_one_by_one_only_where_that_is_less(mine: int, others: int, *, by_node: bool) -> None:
    places = [Place(f"a{number}", "apps", {}) for number in range(mine)]
    places += [Place(f"w{number}", "web", {}) for number in range(others)]

    assert len(apart(places, {"apps"})) == (mine if by_node else 0)


def test_a_pool_without_nodes_asks_for_all_pods() -> None:
    assert apart([WEB], {"apps"}) == ()
