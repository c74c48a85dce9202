"""What Event Grid delivers: a hint to look, in either schema; anything else is ignored or kept, never raised."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given

from shared.domain.events import Hint, Ignored, Rejected, read_event, watched
from tests.builders import DATA, OTHER_SUBSCRIPTION, SUBSCRIPTION
from tests.unit.strategies import any_text, json_values

CAPTURED = sorted((DATA / "events").glob("*.json"))
ALL: frozenset[str] = frozenset()
SUBJECT = "/subscriptions/11111111-1111-1111-1111-111111111111"
KEY = "11111111-1111-1111-1111-111111111111|rg-fips|aks-prod"
GUID, GROUP, NAME = "{subscription-id}", "{resource-group}", "{cluster}"
BOTH = pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])


def captured(name: str, *, filled: bool = False) -> dict[str, Any]:
    """One captured event; `filled` puts an id where the documentation has placeholders."""
    path = next(path for path in CAPTURED if path.stem.replace(".batch", "") == name)
    text = path.read_text()
    if filled:
        text = text.replace(GUID, SUBSCRIPTION).replace(GROUP, "rg-fips").replace(NAME, "aks-prod")
    found = json.loads(text)
    one: dict[str, Any] = found[0] if isinstance(found, list) else found
    return one


def write(schema: str, kind: str = "agentpool", **data: Any) -> dict[str, Any]:
    """A captured write with other data."""
    event = captured(f"constructed.{schema}.{kind}_write")
    return {**event, "data": {**event["data"], **data}}


def read(event: object, subscriptions: frozenset[str] = ALL) -> Hint | Ignored | Rejected:
    return read_event(json.dumps(event), subscriptions)


@BOTH
@pytest.mark.parametrize("kind", ["agentpool", "managedcluster"])
def test_a_write_is_a_hint_to_look_at_the_cluster(schema: str, kind: str) -> None:
    event = write(schema, kind)
    assert "/resourcegroups/" in event["subject"], "Event Grid writes it in lower case"

    found = read(event)

    assert isinstance(found, Hint)
    assert found.cluster.key == KEY
    assert found.cause == f"event {event['id']}: {event['data']['operationName'].rsplit('.', 1)[-1]}"


@BOTH
@pytest.mark.parametrize("kind", ["agentpool", "managedcluster"])
def test_a_delete_is_a_hint_too(schema: str, kind: str) -> None:
    event = write(schema, kind)
    event["data"]["operationName"] = event["data"]["operationName"].replace("/write", "/delete")
    event["eventType" if schema == "eventgrid" else "type"] = "Microsoft.Resources.ResourceDeleteSuccess"

    found = read(event)

    assert isinstance(found, Hint)
    assert found.cluster.key == KEY
    assert found.cause.endswith("/delete")


@pytest.mark.parametrize(
    "name",
    [
        "verbatim.eventgrid.node_pool_rolling_started",
        "verbatim.eventgrid.node_pool_rolling_succeeded",
        "verbatim.eventgrid.node_pool_rolling_failed",
        "verbatim.cloudevents.node_pool_rolling_succeeded",
    ],
)
def test_a_rolling_node_pool_is_a_hint_with_the_cluster_in_its_source(name: str) -> None:
    found = read(captured(name, filled=True))

    assert isinstance(found, Hint)
    assert found.cluster.key == f"{SUBSCRIPTION}|rg-fips|aks-prod"
    assert "NodePoolRolling" in found.cause


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_every_captured_payload_has_a_meaning(path: Path) -> None:
    """Placeholders of the documentation are no ids: such an event is kept with the reason."""
    found = json.loads(path.read_text())
    meanings = [type(read(event)) for event in (found if isinstance(found, list) else [found])]

    expected: type = Ignored
    if "constructed" in path.stem:
        expected = Hint
    elif "rolling" in path.stem:
        expected = Rejected
    assert meanings == [expected]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (
            "verbatim.eventgrid.resource_write_success",
            "Microsoft.Resources.ResourceWriteSuccess Microsoft.Storage/storageAccounts/write",
        ),
        ("verbatim.cloudevents.cluster_support_ending", "Microsoft.ContainerService.ClusterSupportEnding"),
        (
            "verbatim.cloudevents.resource_notifications_created_or_updated",
            "Microsoft.ResourceNotifications.Resources.CreatedOrUpdated",
        ),
        ("verbatim.eventgrid.subscription_validation", "Microsoft.EventGrid.SubscriptionValidationEvent"),
    ],
)
def test_what_does_not_concern_node_pools_is_ignored_by_name(name: str, kind: str) -> None:
    assert read(captured(name)) == Ignored(kind)


@BOTH
@pytest.mark.parametrize("operation", ["MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/AGENTPOOLS/WRITE"])
def test_operations_compare_without_case(schema: str, operation: str) -> None:
    assert isinstance(read(write(schema, operationName=operation)), Hint)


@BOTH
@pytest.mark.parametrize(
    "operation",
    [
        "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
        "Microsoft.ContainerService/managedClusters/maintenanceConfigurations/write",
        "Microsoft.ContainerService/managedClusters/agentPools/machines/write",
        "",
        None,
        7,
    ],
)
def test_other_operations_on_clusters_are_ignored(schema: str, operation: object) -> None:
    assert isinstance(read(write(schema, operationName=operation)), Ignored)


@BOTH
def test_the_subject_names_the_cluster_where_the_data_does_not(schema: str) -> None:
    found = read(write(schema, resourceUri=""))

    assert isinstance(found, Hint)
    assert found.cluster.key == KEY


@BOTH
@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [(ALL, Hint), (frozenset({SUBJECT[15:]}), Hint), (frozenset({OTHER_SUBSCRIPTION}), Rejected)],
)
def test_only_watched_subscriptions_are_looked_after(
    schema: str, subscriptions: frozenset[str], expected: type
) -> None:
    found = read(write(schema), subscriptions)

    assert type(found) is expected
    assert not isinstance(found, Rejected) or found.reason == "OutOfScope"


def test_a_subscription_in_capitals_is_the_same_one() -> None:
    guid = "abcdef00-0000-4000-8000-00000000000a"
    uri = write("eventgrid")["data"]["resourceUri"].replace(SUBJECT[15:], guid.upper())

    assert isinstance(read(write("eventgrid", resourceUri=uri), frozenset({guid})), Hint)


@BOTH
@pytest.mark.parametrize(
    "resource",
    [
        "/subscriptions/x/resourceGroups/y",
        "../../etc/passwd",
        "https://evil.example/subscriptions/1",
        "/subscriptions/1/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks?x=1",
        ["/subscriptions"],
        {"a": 1},
        True,
    ],
)
def test_a_write_of_what_is_no_cluster_is_kept_with_the_reason(schema: str, resource: object) -> None:
    found = read(write(schema, resourceUri=resource))

    assert isinstance(found, Rejected)
    assert found.reason == "NotACluster"
    assert len(found.message) < 1000


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "NotJson"),
        ("{", "NotJson"),
        ("\x00", "NotJson"),
        ("[" * 100_000, "NotJson"),
        ('{"a":' * 100_000, "NotJson"),
        ("1" * 5_000, "NotJson"),
        ("null", "NotAnObject"),
        ("[]", "NotAnObject"),
        ('"x"', "NotAnObject"),
        ("NaN", "NotAnObject"),
        ("{}", "NoType"),
        ('{"eventType": 3}', "NoType"),
        ('{"specversion": "1.0", "eventType": "Microsoft.Resources.ResourceWriteSuccess"}', "NoType"),
        ('{"type": "Microsoft.Resources.ResourceWriteSuccess"}', "NoType"),
        ('{"eventType": "Microsoft.Resources.ResourceWriteSuccess"}', "NoData"),
        ('{"eventType": "Microsoft.Resources.ResourceWriteSuccess", "data": []}', "NoData"),
        ('{"eventType": "Microsoft.ContainerService.NodePoolRollingFailed"}', "NotACluster"),
    ],
    ids=range(17),
)
def test_what_is_no_event_is_kept_with_the_reason(raw: str, reason: str) -> None:
    found = read_event(raw, ALL)

    assert isinstance(found, Rejected)
    assert found.reason == reason


@given(any_text)
@example("[" * 10_000)
def test_no_text_raises(raw: str) -> None:
    assert isinstance(read_event(raw, ALL), Ignored | Rejected)


@given(json_values, json_values, json_values)
def test_no_json_raises_or_names_a_cluster_that_is_none(one: Any, two: Any, three: Any) -> None:
    for event in (
        one,
        {"eventType": "Microsoft.Resources.ResourceWriteSuccess", "data": one, "subject": two, "id": three},
        write("eventgrid", resourceUri=one, operationName=two),
        {**write("cloudevents"), "specversion": one, "type": two, "id": three},
        {**write("cloudevents"), "id": three},
    ):
        found = read(event)
        assert not isinstance(found, Hint) or found.cluster.key == KEY
        assert not isinstance(found, Hint) or len(found.cause) < 300


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("", set()), (" , ", set()), (" A , b,", {"a", "b"}), ("a,a", {"a"})],
)
def test_watched_subscriptions_are_separated_by_commas(setting: str, expected: set[str]) -> None:
    assert watched(setting) == expected
