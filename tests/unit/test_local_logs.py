"""What `make local` prints: who was invoked, about what, and how it ended."""

import json
import logging

import pytest
from azure.functions.meta import Datum

from local.host.invoke import about
from local.logs import FieldFormatter
from tests.builders import cluster_id


def line(**fields: object) -> str:
    record = logging.makeLogRecord({"name": "local.host", "msg": "invoked", **fields})
    return FieldFormatter("%(name)s: %(message)s").format(record)


def test_the_fields_stand_behind_the_message() -> None:
    said = line(function="reconcile", about="rg-pay/aks-pay", invocation="5f1c", outcome="succeeded", ms=34)

    assert said == "local.host: invoked function=reconcile about=rg-pay/aks-pay outcome=succeeded ms=34"


def test_an_empty_field_is_left_out() -> None:
    assert line(function="resync", about="", ms=0) == "local.host: invoked function=resync ms=0"


def test_a_cluster_is_named_by_its_group_and_its_name() -> None:
    assert (
        line(msg=f'looked {{"cluster": "{cluster_id().arm_id}"}}') == 'local.host: looked {"cluster": "rg-pay/aks-pay"}'
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (json.dumps({"v": 1, "cluster": cluster_id().arm_id, "cause": "cli: ana"}), "rg-pay/aks-pay"),
        (json.dumps({"subject": f"{cluster_id().arm_id}/agentPools/batch"}), "rg-pay/aks-pay/batch"),
        ("{}", ""),
        (b"bytes", ""),
    ],
)
def test_an_invocation_is_about_the_cluster_that_its_trigger_names(value: object, said: str) -> None:
    assert about(Datum(value, "string")) == said
