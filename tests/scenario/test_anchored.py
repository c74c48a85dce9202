"""The day's manifest leaves the app: signed by the vault, at the topic and in the mail, and it holds the evidence."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from azure.storage.blob import BlobServiceClient

from shared.domain.manifests import signed_bytes
from shared.domain.records import MANIFESTS
from shared.domain.signatures import PublicKey, from_base64url, holds, thumbprint
from shared.postures import detailed
from tests.scenario.conftest import CLUSTER, Job
from tests.scenario.fleet import Fleet
from tests.waiting import eventually

PROVEN = "compliant: NodesProven"


def manifests(job: Job) -> list[dict[str, Any]]:
    """What the topic was told of manifests."""
    return [event["data"] for event in job.stack.topic.received if event["type"] == "Fipswarden.Manifest"]


def blob(job: Job, container: str, name: str) -> bytes:
    """A blob as it is stored."""
    with BlobServiceClient.from_connection_string(job.stack.azurite.connection_string) as service:
        return service.get_blob_client(container, name).download_blob().readall()


def test_a_days_manifest_is_signed_published_and_holds_the_heads_of_the_evidence(job: Job) -> None:
    job.request("first look")
    job.becomes(PROVEN, "apps")
    job.stack.host.idle(30)
    head = job.records()[-1].head

    job.stack.host.invoke("daily")
    eventually(lambda: bool(manifests(job)), "the manifest is at the topic")
    job.stack.host.idle(30)

    (told,) = manifests(job)
    data = blob(job, "evidence", told["record"])
    said = json.loads(data)
    assert told["record"] == f"{MANIFESTS}/0000000001.json"
    assert hashlib.sha256(data).hexdigest() == told["sha256"]
    assert said["chains"][CLUSTER.path] == {"seq": head.seq, "hash": head.hash}
    key = PublicKey(**said["key"])
    assert holds(key, signed_bytes(said), from_base64url(said["signature"]))
    assert told["thumbprint"] == thumbprint(key)
    for file in (said["snapshot"], said["series"]):
        assert hashlib.sha256(blob(job, "snapshots", file["name"])).hexdigest() == file["sha256"]
    (mail,) = [str(one) for one in job.stack.mail.messages if "in scope" in str(one)]
    text = "".join(mail.replace("=\n", "").split())
    assert told["sha256"] in text
    assert told["verify"].replace(" ", "") in text.replace("=3D", "=")


def test_a_resync_keeps_a_snapshot(job: Job) -> None:
    job.stack.host.invoke("resync")
    job.stack.host.idle(30)

    with BlobServiceClient.from_connection_string(job.stack.azurite.connection_string) as service:
        names = list(service.get_container_client("snapshots").list_blob_names())
    assert len(names) == 1
    assert names[0].startswith("fleet/")


def test_a_look_remembers_how_long_a_pool_was_at_fault_and_when_its_nodes_were_asked() -> None:
    lab = Fleet()
    began = lab.clock.now()
    lab.look(lasting=timedelta(hours=1))

    assert lab.verdict() == PROVEN
    stored = lab.stored()
    (mended,) = stored.mended
    assert (mended.pool, stored.failing) == ("np1", {})
    assert mended.seconds == (mended.at - began).total_seconds() > 0
    assert began < stored.proofs[0] <= lab.clock.now()
    ((_, detail),) = detailed(lab.postures)
    assert (detail.states, detail.head) == ({"compliant": len(stored.proofs)}, stored.head)
    assert [each.pool for each in detail.mended] == ["np1"]
