"""Where a pod may run: selectors, affinity, taints, room. As the scheduler, without its scores: the emptiest node."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.world.kube import nodes
from local.world.kube.nodes import Place
from local.world.kube.state import Json, Pod
from local.world.model import Cluster

_OURS = "default-scheduler"
_BLOCKING = ("NoSchedule", "NoExecute")


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Tell that a LabelSelector picks these labels: an empty one picks all, none picks nothing."""
    if selector is None:
        return False
    exact = selector.get("matchLabels") or {}
    return all(labels.get(name) == value for name, value in exact.items()) and all(
        _expression(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _expression(expression: Json, values: Mapping[str, str]) -> bool:
    key, wanted = expression["key"], list(expression.get("values") or [])
    match expression["operator"]:
        case "In":
            return values.get(key) in wanted
        case "NotIn":
            return values.get(key) not in wanted
        case "Exists":
            return key in values
        case "DoesNotExist":
            return key not in values
        case "Gt":
            return key in values and int(values[key]) > int(wanted[0])
        case "Lt":
            return key in values and int(values[key]) < int(wanted[0])
        case _:
            return False


def matches_node(cluster: Cluster, place: Place, spec: Json) -> bool:
    """Tell that a node has the labels that a pod's nodeSelector and required node affinity ask for."""
    pool, node = place
    labels = nodes.labels(cluster, pool, node)
    if any(labels.get(name) != value for name, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required: Any = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, labels, node.name) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Json, labels: Mapping[str, str], name: str) -> bool:
    return all(_expression(one, labels) for one in term.get("matchExpressions") or ()) and all(
        _expression(one, {"metadata.name": name}) for one in term.get("matchFields") or ()
    )


def tolerates(spec: Json, taints: Iterable[Json]) -> bool:
    """Tell that a pod tolerates all taints that keep pods away."""
    tolerations = spec.get("tolerations") or ()
    return all(
        any(_tolerated(toleration, taint) for toleration in tolerations)
        for taint in taints
        if taint["effect"] in _BLOCKING
    )


def _tolerated(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return toleration.get("key") == taint["key"] and (toleration.get("value") or "") == (taint.get("value") or "")


def choose(cluster: Cluster, pod: Pod) -> Place | None:
    """Return the node that the scheduler gives a pod, or None if none fits, or another scheduler is asked for."""
    if pod.spec.get("schedulerName", _OURS) != _OURS:
        return None  # Kubernetes, "configure multiple schedulers": nobody else binds it
    load = cluster.kube.load
    emptiest_first = sorted(nodes.places(cluster), key=lambda place: (load.get(place[1].name, 0), place[1].name))
    return next((place for place in emptiest_first if _fits(cluster, place, pod)), None)


def _fits(cluster: Cluster, place: Place, pod: Pod) -> bool:
    pool, node = place
    return (
        node.ready
        and cluster.kube.load.get(node.name, 0) < int(pool.properties["maxPods"])
        and tolerates(pod.spec, nodes.taints(pool, node))
        and matches_node(cluster, place, pod.spec)
    )
