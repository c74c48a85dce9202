"""What may come from outside, for hypothesis: JSON of any kind, and clusters a few mutations away from good."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.domain.limits import Limit
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Mode, ProofLevel
from shared.domain.observe import read_cluster
from shared.domain.policy import Disruption
from shared.domain.proven import Proof
from shared.domain.settings import ProofSettings
from tests.builders import IMAGE, NOW, PLAIN_IMAGE, arm_cluster, book, operation, profile, rule

any_text = st.text(st.characters(codec=None), max_size=30)
"""Any text at all, halves of surrogate pairs included: JSON can hold them."""
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3), max_leaves=8
)
yaml_ish = st.lists(
    st.sampled_from([*"abz0189 \n\t-:,[]{}&*!|>'\"%@`#?~<=._\\/Uu+", "!!int ", "!!bool ", "---\n", "- ", ": ", "\n  "])
).map("".join)
"""Text that is close enough to YAML to get past its scanner."""

_left_out = st.just(...)
_odd: dict[str, st.SearchStrategy[Any]] = {
    "enableFIPS": st.sampled_from([True, True, False, False, None, "true", "True", 1, [], {}]) | _left_out,
    "osType": st.sampled_from(["Linux", "Linux", "Linux", "Windows", "linux", "", None, "Plan9"]) | _left_out,
    "osSKU": st.sampled_from(
        [
            *("AzureLinux", "AzureLinux3", "Ubuntu", "Ubuntu2204", "Ubuntu2404", "Flatcar", "CBLMariner"),
            *("Windows2019", "Windows2022", "Windows2025", "WindowsAnnual", "Haiku", "", None),
        ]
    )
    | _left_out,
    "provisioningState": st.sampled_from([*["Succeeded"] * 4, "Updating", "Upgrading", "Failed", "Canceled", "", None])
    | _left_out,
    "nodeImageVersion": st.sampled_from([IMAGE, IMAGE, PLAIN_IMAGE, "AKSUbuntu-2204gen2FIPScontainerd-1", "", None, 7])
    | _left_out,
    "count": st.sampled_from([3, 3, 3, 0, 1, 4, -1, None, "3", True, 2.0]) | _left_out,
    "powerState": st.sampled_from([{"code": "Running"}, {"code": "Stopped"}, "Stopped", None, {}]),
    "eTag": st.sampled_from(["e1", "e2", "", None, 5]) | _left_out,
    "vmSize": st.sampled_from(["Standard_D8ds_v5", "Standard_D8pds_v6", "Standard_DC8ads_v5", "", None]),
    "type": st.sampled_from(["VirtualMachineScaleSets", "VirtualMachines", "Pods", None]),
    "workloadRuntime": st.sampled_from([..., "OCIContainer", "KataVmIsolation", "Unikernel"]),
    "securityProfile": st.sampled_from([..., {"enableVTPM": True}, {"enableSecureBoot": "yes"}, None, "x"]),
    "tags": st.sampled_from([{"tier": "gold"}, {"tier": None}, {"tier": 7}, ["gold"], None]),
    "nodeTaints": st.lists(any_text, max_size=2),
    "nodeLabels": st.dictionaries(any_text, any_text, max_size=2),
    "somethingNew": json_values,
}


@st.composite
def profiles(draw: st.DrawFn, name: str = "apps") -> dict[str, Any]:
    """An agent pool with up to four properties that are odd, missing or of another type."""
    keys = draw(st.sets(st.sampled_from(sorted(_odd)), max_size=4))
    return profile(name, **{key: draw(_odd[key]) for key in sorted(keys)})


@st.composite
def arm_clusters(draw: st.DrawFn) -> dict[str, Any]:
    """A managed cluster of one to three such pools."""
    names = draw(st.sampled_from([["apps"], ["apps", "system"], ["apps", "system", "win"]]))
    body = arm_cluster(*(draw(profiles(name)) for name in names))
    if draw(st.integers(0, 4)) == 0:
        body["properties"]["provisioningState"] = draw(st.sampled_from(["Updating", "Failed", "", None]))
    if draw(st.integers(0, 4)) == 0:
        body["properties"]["powerState"] = draw(st.sampled_from([{"code": "Stopped"}, None, "Stopped"]))
    return body


clusters: st.SearchStrategy[Cluster] = arm_clusters().map(read_cluster)

times = st.timedeltas(timedelta(days=-6), timedelta()).map(lambda ago: NOW + ago)
proofs = st.builds(
    Proof,
    at=st.just(NOW - timedelta(minutes=1)) | times,
    node_image=st.sampled_from([IMAGE, IMAGE, PLAIN_IMAGE, ""]),
    nodes=st.sampled_from([3, 3, 3, 0, 1, 4]),
    disagreeing=st.sampled_from([(), (), (), ("n1",), ("n1", "n2")]),
    missing=st.sampled_from([0, 0, 0, 1]),
    unreadable=st.sampled_from(["", "", "", "NodesUnreadable: the API server said 503"]),
)


@st.composite
def memories(draw: st.DrawFn, read: Cluster) -> Memory:
    """What earlier looks may have left of a cluster."""
    found: dict[str, PoolMemory] = {}
    for pool in read.pools:
        blocked = draw(st.sampled_from(["", "", "", "AKS refused: no"]))
        on = draw(st.sampled_from([pool.configuration, "another"])) if blocked else ""
        found[pool.name] = PoolMemory(draw(st.none() | proofs), draw(st.none() | times), blocked, on)
    running = draw(st.sampled_from([None, None, None, operation(read.pools[0].name)]))
    return Memory(running, found)


rulebooks = st.builds(
    book,
    st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ALERT, Mode.AUDIT]),
    rules=st.lists(
        st.builds(rule, st.just("r"), st.sampled_from(Mode), pools=st.sampled_from([("apps",), ("sys*",), ("*",)])),
        max_size=2,
    ).map(tuple),
    proof=st.builds(
        ProofSettings,
        level=st.sampled_from([ProofLevel.CONTROL_PLANE, ProofLevel.NODE]),
        max_age=st.sampled_from([timedelta(hours=2), timedelta(days=3)]),
    ),
    disruption=st.builds(Disruption, st.builds(Limit, st.integers(0, 3))),
)
aware = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds it)
