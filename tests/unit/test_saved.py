"""What people saved of their fleet: every shape that Azure's tools write is read, nothing else is, nothing is lost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ComplianceState, Mode, Unreadable
from shared.domain.pages import Page, gaps
from shared.domain.posture import Posture
from shared.domain.saved import Entry, Saved, read_saved
from shared.errors import InputError
from tests.builders import DATA, NOW, SUBSCRIPTION, arm_cluster, book, cluster_id, disabled, printed_by_az, profile
from tests.unit.strategies import arm_clusters, json_values

SAVED = DATA / "saved"
VM = {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"}
VM["type"] = "microsoft.compute/virtualmachines"


def opened(value: Any) -> Saved:
    return read_saved(json.dumps(value).encode(), "fleet.json")


def entries(value: Any) -> list[Entry]:
    return list(opened(value).entries())


def judged(entry: Entry) -> Posture:
    return evaluate(entry.read, Memory(), book(Mode.AUDIT), None, NOW)


def graph_row(body: dict[str, Any]) -> dict[str, Any]:
    """A cluster as Resource Graph has it: ARM's body, with columns of its own."""
    return {**body, "type": "microsoft.containerservice/managedclusters", "subscriptionId": SUBSCRIPTION}


def projected(body: dict[str, Any]) -> dict[str, Any]:
    """A row of the product's own query: some properties as columns."""
    names = ("provisioningState", "powerState", "aadProfile", "agentPoolProfiles")
    top = {name: body[name] for name in ("id", "location", "tags")}
    return {**top, **{name: body["properties"].get(name) for name in names}}


BODY = arm_cluster(profile(), disabled("batch"))


class TestShapes:
    """What is accepted."""

    @pytest.mark.parametrize(
        "value",
        [
            [printed_by_az(BODY)],
            printed_by_az(BODY),
            BODY,
            [BODY],
            {"value": [BODY]},
            {"value": [BODY], "nextLink": None},
            {"count": 1, "data": [graph_row(BODY)], "skip_token": None, "total_records": 1},
            {"totalRecords": 1, "count": 1, "data": [graph_row(BODY)], "facets": [], "resultTruncated": "false"},
            [graph_row(BODY)],
            [projected(BODY)],
            {"data": [projected(BODY)]},
        ],
    )
    def test_each_shows_the_same_cluster(self, value: Any) -> None:
        saved = opened(value)

        (entry,) = saved.entries()
        assert isinstance(entry.read, Cluster)
        assert (entry.cluster, entry.where, entry.faults) == (cluster_id(), "fleet.json, entry 1", ())
        assert (gaps([saved.page]), saved.others) == ((), 0)
        assert dict(entry.read.tags) == {"env": "prod"}
        assert [pool.enable_fips for pool in entry.read.pools] == [True, False]

    @pytest.mark.parametrize("name", ["az_2.91.0.aks_list", "arm_2026-08-01.list", "graph_2022-10-01.resources"])
    def test_what_real_tools_wrote_of_one_fleet_is_one_fleet(self, name: str) -> None:
        saved = read_saved((SAVED / f"{name}.json").read_bytes(), name)

        found = {str(entry.cluster): judged(entry) for entry in saved.entries()}

        assert {cluster: [pool.state.value for pool in posture.pools] for cluster, posture in found.items()} == {
            "rg-cards/aks-cards-prod": ["unknown", "unknown"],
            "rg-payments/aks-ledger-prod": ["unknown", "non_compliant", "unknown", "non_compliant"],
            "rg-payments/aks-payments-prod": ["unknown", "unknown"],
        }, "by a policy that wants proof of the nodes"

    def test_one_cluster_as_the_cli_shows_it_is_read(self) -> None:
        name = "az_2.91.0.aks_show.json"

        (entry,) = read_saved((SAVED / name).read_bytes(), name).entries()

        assert isinstance(entry.read, Cluster)
        assert [pool.os_sku for pool in entry.read.pools] == ["AzureLinux", "AzureLinux"]
        assert [pool.body["securityProfile"]["enableVTPM"] for pool in entry.read.pools] == [False, False]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_each_encoding_that_a_shell_writes_is_read(self, encoding: str) -> None:
        saved = read_saved(json.dumps([BODY]).encode(encoding), "fleet.json")

        assert len(list(saved.entries())) == 1

    @pytest.mark.parametrize("value", [[], {"value": []}, {"data": []}])
    def test_an_empty_list_is_a_list(self, value: Any) -> None:
        assert entries(value) == []

    @given(arm_clusters())
    def test_the_clis_spelling_changes_no_verdict(self, body: dict[str, Any]) -> None:
        (printed,), (arms,) = entries([printed_by_az(body)]), entries({"value": [body]})

        assert judged(printed) == judged(arms)


class TestRefused:
    """What is not accepted is said to be what it is, without showing what is in it."""

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ({"error": {"code": "Forbidden", "message": "hunter2"}}, "an error of Azure instead of an answer"),
            ({"data": {"columns": [], "rows": []}}, "as a table: ask for `resultFormat` objectArray"),
            ({"apiVersion": "v1", "kind": "List", "items": []}, "a Kubernetes object"),
            ({"subscriptions": ["hunter2"]}, "an object with 'subscriptions'"),
            ([{"name": "hunter2", "fips": True}], "its first entry is an object with 'name', 'fips'"),
            ([{f"column{number}": 0 for number in range(9)}], "'column7' ..."),
            ([{"id": cluster_id().arm_id, "pool": "apps", "fips": True}], "an object with 'id', 'pool', 'fips'"),
            ([VM], "holds no AKS cluster; its first entry is an object with 'id', 'type'"),
            (["hunter2"], "its first entry is a text"),
            ([[]], "its first entry is a list"),
            ([None], "its first entry is null"),
            ([{"properties": {"hunter2": 1}}], "holds no AKS cluster"),
            ("hunter2", "a text"),
            (7, "7"),
            ({}, "{}"),
        ],
    )
    def test_another_shape_is_one_clear_message(self, value: Any, said: str) -> None:
        with pytest.raises(InputError) as caught:
            opened(value)

        text = str(caught.value)
        assert text.startswith("fleet.json holds ")
        assert said in text
        assert "Accepted are `az aks list -o json`" in text
        assert "hunter2" not in text

    def test_the_clis_list_of_pools_is_told_apart(self) -> None:
        name = "az_2.91.0.aks_nodepool_list.json"

        with pytest.raises(InputError, match="an agent pool: `az aks nodepool list` shows no cluster"):
            read_saved((SAVED / name).read_bytes(), name)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "fleet.json is empty"),
            (b" \n", "fleet.json is empty"),
            (b"Name    Location\n", "fleet.json is not JSON (Expecting value"),
            (b'[{"id": 1}', "fleet.json is not JSON"),
            (b"[]\n[]", "fleet.json is not JSON (Extra data"),
            (b'["\xff"]', "fleet.json is not JSON"),
            (b"[" + b"7" * 5000 + b"]", "fleet.json is not JSON"),
            (b"[" * 100_000, "fleet.json is nested too deeply"),
        ],
    )
    def test_what_is_no_json_is_one_clear_message(self, content: bytes, said: str) -> None:
        with pytest.raises(InputError) as caught:
            read_saved(content, "fleet.json")

        assert said in str(caught.value)
        assert "Accepted are" in str(caught.value)


OTHER = {**BODY, "id": cluster_id("other").arm_id}


class TestGaps:
    """A list that says that it is not whole is not taken for the fleet."""

    @pytest.mark.parametrize(
        "value",
        [
            {"value": [BODY], "nextLink": "https://management.azure.com/subscriptions?%24skiptoken=x"},
            {"data": [BODY], "skip_token": "x", "total_records": 1},
            {"data": [BODY], "$skipToken": "x"},
            {"data": [BODY], "skip_token": None, "total_records": 2},
            {"data": [BODY], "totalRecords": 2},
            {"data": [BODY], "totalRecords": 1, "resultTruncated": "true"},
            {"data": [], "totalRecords": 1},
            {"data": [BODY], "total_records": "5"},
            {"data": [BODY], "total_records": True},
            {"data": [BODY], "totalRecords": 1.0},
            {"data": [BODY], "totalRecords": -1},
            {"data": [BODY, OTHER], "totalRecords": 1},
            {"data": [BODY], "total_records": 1, "totalRecords": 9},
            {"data": [BODY], "count": 5},
            {"data": [BODY], "total_records": 1, "count": 0},
            {"data": [BODY], "count": True},
        ],
    )
    def test_it_is_a_gap(self, value: Any) -> None:
        (gap,) = gaps([opened(value).page])

        assert (gap.source, gap.reason) == ("fleet.json", "ListIncomplete")

    def page(self, numbers: range, *, total: int = 5, more: bool = True) -> Page:
        rows = [{**BODY, "id": cluster_id(f"aks-{number}").arm_id} for number in numbers]
        return opened({"data": rows, "skip_token": "next" if more else None, "total_records": total}).page

    def test_the_pages_of_one_answer_complete_each_other(self) -> None:
        pages = [self.page(range(2)), self.page(range(2, 4)), self.page(range(4, 5), more=False)]

        assert gaps(pages) == gaps(pages[::-1]) == ()

    def test_a_page_that_is_not_there_is_missed(self) -> None:
        first, middle, last = self.page(range(2)), self.page(range(2, 4)), self.page(range(4, 5), more=False)

        for some in ([first, last], [first, middle], [middle], [last], [first, first, last], [first, middle, middle]):
            assert len(gaps(some)) == len(some), "each of them says that it is not all"

    def test_the_pages_of_two_answers_do_not_complete_each_other(self) -> None:
        one, other = self.page(range(3)), self.page(range(3, 5))
        whole = self.page(range(5), more=False)

        assert len(gaps([one, other])) == 2, "neither is the last"
        assert len(gaps([self.page(range(3), more=False), self.page(range(3, 5), more=False)])) == 2
        assert len(gaps([one, self.page(range(3, 5), total=6, more=False)])) == 2
        assert gaps([whole, self.page(range(9, 14), more=False)]) == ()

    def test_what_was_cut_off_is_completed_by_nothing(self) -> None:
        cut = opened({"data": [BODY], "totalRecords": 2, "resultTruncated": "true"}).page
        rest = opened({"data": [{**BODY, "id": cluster_id("b").arm_id}], "totalRecords": 2}).page

        assert [gap.source for gap in gaps([cut, rest])] == ["fleet.json"] * 2


class TestMalformed:
    """An entry that may be a cluster is never dropped."""

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            (None, "entry 2 is null, not a cluster"),
            ("x", "entry 2 is a text, not a cluster"),
            ({**BODY, "id": None}, "entry 2: 'None' is not the ARM id"),
            ({**BODY, "id": "\x1b[2J"}, r"entry 2: '\x1b[2J' is not the ARM id"),
            ({**BODY, "id": f"{cluster_id().arm_id}/agentPools/apps"}, "is not the ARM id of an AKS cluster"),
            ({**BODY, "id": "/subscriptions/x"}, "is not the ARM id"),
        ],
    )
    def test_without_an_id_it_is_unreadable_and_says_where_it_stands(self, entry: Any, said: str) -> None:
        good, bad = entries([BODY, entry])

        assert isinstance(good.read, Cluster)
        assert bad.cluster is None
        assert isinstance(bad.read, Unreadable)
        assert said in bad.read.message
        assert judged(bad).state is ComplianceState.UNKNOWN

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ({"id": cluster_id().arm_id, "type": "Microsoft.ContainerService/managedClusters"}, "has no `agentPoolP"),
            ({"id": cluster_id().arm_id, "properties": '{"agentPoolProfiles": []}'}, "has no `agentPoolProfiles`"),
            ({**BODY, "properties": {}}, "`agentPoolProfiles` should be a list, and is missing"),
            ({**BODY, "properties": {"agentPoolProfiles": "@{name=apps}"}}, "should be a list, and is a text"),
            ({**projected(BODY), "agentPoolProfiles": None}, "should be a list, and is null"),
        ],
    )
    def test_without_its_pools_it_is_unreadable(self, entry: Any, said: str) -> None:
        (found,) = entries([entry])

        assert found.cluster == cluster_id()
        assert isinstance(found.read, Unreadable)
        assert said in found.read.message

    @pytest.mark.parametrize("body", [BODY, printed_by_az(BODY)])
    def test_a_spelling_that_nobody_uses_is_named(self, body: Any) -> None:
        wrong = json.loads(json.dumps(body).replace("agentPoolProfiles", "agentpoolprofiles"))

        for value in ([wrong], wrong):
            (found,) = entries(value)
            assert isinstance(found.read, Unreadable)
            assert "it has `agentpoolprofiles`, and names are read in the spelling of" in found.read.message

    def test_a_pool_that_cannot_be_read_takes_no_other_with_it(self) -> None:
        (entry,) = entries([arm_cluster(profile(), profile(name="../x"), disabled("batch"))])

        assert isinstance(entry.read, Cluster)
        assert [pool.name for pool in entry.read.pools] == ["apps", "batch"]
        (fault,) = entry.faults
        assert (fault.state, fault.reason) == (ComplianceState.UNKNOWN, "Unintelligible")
        assert (
            "node pool number 2 can't be read and is not judged: '../x' is not the name of a node pool" in fault.message
        )

    @pytest.mark.parametrize("pool", [None, "apps", 7, [], {"name": None}, {}])
    def test_a_pool_of_any_shape_is_a_fault(self, pool: Any) -> None:
        body = {**BODY, "properties": {"agentPoolProfiles": [pool]}}

        (entry,) = entries([body])

        assert len(entry.faults) == 1
        assert judged(entry).state is ComplianceState.UNKNOWN

    @pytest.mark.parametrize("own", [[disabled()], [], None, [profile(enableFIPS=1)]])
    def test_two_lists_of_pools_that_differ_are_not_believed(self, own: Any) -> None:
        body = {**BODY, "properties": {**BODY["properties"], "agentPoolProfiles": own}}

        (found,) = entries([{**body, "agentPoolProfiles": [profile()]}])

        assert isinstance(found.read, Unreadable)
        assert found.read.message.endswith("contradicts itself: it has two lists `agentPoolProfiles`")

    def test_two_lists_that_say_the_same_are_one(self) -> None:
        (found,) = entries([{**BODY, "agentPoolProfiles": printed_by_az(BODY)["agentPoolProfiles"]}])

        assert judged(found) == judged(entries([BODY])[0])

    @pytest.mark.parametrize("other", [1, False])
    def test_two_spellings_under_properties_are_not_believed(self, other: Any) -> None:
        (found,) = entries([arm_cluster(profile(enableFips=other))])

        assert [finding.reason for finding in judged(found).pools[0].findings][:1] == ["FlagUnreadable"]

    def test_a_pool_that_stands_there_twice_is_said_to(self) -> None:
        (entry,) = entries([arm_cluster(profile(), profile(name="APPS"))])

        (fault,) = entry.faults
        assert (fault.reason, fault.state) == ("Contradictory", ComplianceState.UNKNOWN)

    @pytest.mark.parametrize("flag", ["true", "True", 1, None])
    def test_a_boolean_of_another_type_is_unknown(self, flag: Any) -> None:
        (entry,) = entries([printed_by_az(arm_cluster(profile(enableFIPS=flag)))])

        assert [pool.decisive.reason for pool in judged(entry).pools] == ["FlagUnreadable"]

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_a_number_that_json_does_not_know_is_missing(self, number: str) -> None:
        content = json.dumps([arm_cluster(profile(spotMaxPrice="HERE"))]).replace('"HERE"', number)

        (entry,) = read_saved(content.encode(), "fleet.json").entries()

        assert isinstance(entry.read, Cluster)
        assert entry.read.pools[0].body["spotMaxPrice"] is None
        assert judged(entry).pools[0].pool == "apps"

    def test_a_pool_that_says_two_things_is_not_believed_and_the_others_are(self) -> None:
        content = json.dumps([arm_cluster(profile(), disabled("batch"))])

        for said in (content, json.dumps([printed_by_az(arm_cluster(profile(), disabled("batch")))])):
            flag = '"enableFIPS": false' if '"enableFIPS"' in said else '"enableFips": false'
            twice = said.replace(flag, f"{flag}, {flag.replace('false', 'true')}")
            (entry,) = read_saved(twice.encode(), "fleet.json").entries()

            assert isinstance(entry.read, Cluster)
            assert [pool.name for pool in entry.read.pools] == ["apps"]
            (fault,) = entry.faults
            assert fault.state is ComplianceState.UNKNOWN
            assert fault.message.endswith("stands there twice, with two values")

    def test_so_is_one_that_does_in_a_list_of_its_own(self) -> None:
        content = json.dumps([arm_cluster(profile(virtualMachineNodesStatus=[{"count": 3}]), disabled("batch"))])

        twice = content.replace('[{"count": 3}]', '[{"count": 3, "count": 0}]')
        (entry,) = read_saved(twice.encode(), "fleet.json").entries()

        assert isinstance(entry.read, Cluster)
        assert [pool.name for pool in entry.read.pools] == ["batch"]

    def test_a_cluster_that_says_two_things_is_unreadable(self) -> None:
        content = json.dumps([BODY]).replace('"env": "prod"', '"env": "prod", "env": "dev"')

        (entry,) = read_saved(content.encode(), "fleet.json").entries()

        assert entry.cluster == cluster_id()
        assert isinstance(entry.read, Unreadable)
        assert "'env' stands there twice, with two values" in entry.read.message

    def test_a_resource_that_calls_itself_two_things_is_not_left_out(self) -> None:
        content = json.dumps([BODY, {"type": "HERE"}]).replace('"type": "HERE"', '"type": "a/b", "type": "c/d"')

        assert len(list(read_saved(content.encode(), "fleet.json").entries())) == 2

    @pytest.mark.parametrize(
        "wrapped", ['{"value": [], "value": HERE}', '{"value": HERE, "nextLink": "x", "nextLink": null}']
    )
    def test_a_list_that_says_two_things_is_refused(self, wrapped: str) -> None:
        with pytest.raises(InputError, match=r"fleet.json contradicts itself: '(value|nextLink)' stands there twice"):
            read_saved(wrapped.replace("HERE", json.dumps([BODY])).encode(), "fleet.json")

    def test_one_cluster_that_says_two_things_is_unreadable_and_no_refusal(self) -> None:
        content = json.dumps(BODY).replace('"location": ', '"location": "x", "location": ')

        (entry,) = read_saved(content.encode(), "fleet.json").entries()

        assert isinstance(entry.read, Unreadable)

    def test_what_is_said_twice_and_the_same_is_believed(self) -> None:
        content = json.dumps([BODY]).replace('"enableFIPS": false', '"enableFIPS": false, "enableFIPS": false')

        (entry,) = read_saved(content.encode(), "fleet.json").entries()

        assert isinstance(entry.read, Cluster)
        assert [pool.enable_fips for pool in entry.read.pools] == [True, False]

    def test_resources_of_other_types_are_counted_and_keep_their_numbers(self) -> None:
        saved = opened({"data": [VM, graph_row(BODY)]})

        (entry,) = saved.entries()
        assert (entry.where, saved.others) == ("fleet.json, entry 2", 1)

    def test_a_cluster_that_claims_another_type_is_a_cluster(self) -> None:
        saved = opened([{**BODY, "type": "microsoft.compute/virtualmachines"}])

        assert (len(saved.items), saved.others) == (1, 0)

    @given(st.lists(json_values | st.sampled_from([BODY, printed_by_az(BODY), VM, {**BODY, "id": "x"}]), max_size=4))
    def test_of_anything_nothing_is_lost(self, items: list[Any]) -> None:
        try:
            saved = opened(items)
        except InputError:
            return
        assert len(list(saved.entries())) + saved.others == len(items)
        for entry in saved.entries():
            assert entry.cluster or isinstance(entry.read, Unreadable)


def test_the_files_of_the_tests_are_listed_with_their_origin() -> None:
    listed = (DATA / "SOURCES.md").read_text(encoding="utf-8")

    assert [path.name for path in sorted(SAVED.iterdir()) if path.name not in listed] == []
