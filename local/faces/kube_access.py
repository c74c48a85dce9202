"""Who may do what on an API server: Azure RBAC's data actions, or the cluster's own bindings.

How a request becomes a data action is what the webhook does that AKS is built on: kubeguard/guard,
authz/providers/azure/rbac/checkaccessreqhelper.go. Actions: azure-docs, permissions/containers.md.
"""

from dataclasses import dataclass

from local.faces import kubeconfig
from local.faces.http import Response
from local.faces.kube_answers import Ask, status
from local.world.access import InvalidToken, Principal

_READS = ("get", "list", "watch")
_DELETES = ("delete", "deletecollection")
_CUSTOM = ("karpenter.azure.com",)


@dataclass(frozen=True)
class Wish:
    """What somebody wants to do: verb, group, resource, subresource."""

    verb: str
    group: str
    resource: str
    subresource: str = ""

    @property
    def named(self) -> str:
        """The resource as roles of Kubernetes name it: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def authenticate(ask: Ask) -> Principal | None:
    """Return the Entra principal, or None for the holder of a static credential; raise InvalidToken."""
    authorization = ask.request.headers.get("authorization")
    local_accounts = not ask.cluster.properties.get("disableLocalAccounts")
    if local_accounts and (
        authorization == f"Bearer {ask.cluster.token}"
        or ask.request.client_certificate == kubeconfig.common_name(ask.cluster)
    ):
        return None
    if not ask.cluster.entra:
        raise InvalidToken("Unauthorized", "this cluster has local accounts only")
    return ask.world.access.authenticate(authorization, (kubeconfig.KUBERNETES_AUDIENCE,))


def may(ask: Ask, who: Principal, wish: Wish) -> bool:
    """Tell that somebody may do something."""
    access, cluster = ask.world.access, ask.cluster
    scope = f"{cluster.id}/namespaces/{ask.namespace}" if ask.namespace else cluster.id
    if cluster.azure_rbac:
        return access.may_data(who, _action(ask, wish), scope)
    if access.may_data(who, "*", cluster.id):
        return True
    if who.object_id in cluster.readers and wish.verb in _READS and wish.named == "nodes":
        return True
    return any(rule.allows(wish.verb, wish.named) for rule in cluster.kube.bindings.get(who.object_id, ()))


def _action(ask: Ask, wish: Wish) -> str:
    """Return the data action; evictions are `pods/write`, since guard looks at no subresource but exec."""
    kind = "read" if wish.verb in _READS else "delete" if wish.verb in _DELETES else "write"
    resource = wish.resource
    if wish.named == "pods/log" and not ask.cluster.kube.pods_read_covers_logs:
        resource = wish.named
    if wish.group in _CUSTOM:
        # Custom resources have no action of their own: roles need `managedClusters/*/read` (manage-azure-rbac.md)
        resource = "customresources"
    elif wish.group:
        resource = f"{wish.group}/{resource}"
    return f"Microsoft.ContainerService/managedClusters/{resource}/{kind}"


def forbidden(ask: Ask, who: Principal, wish: Wish) -> Response:
    """Return the refusal, as Kubernetes words it."""
    where = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    what = f'{wish.resource} "{ask.name}"' if ask.name else wish.resource
    message = (
        f'{what} is forbidden: User "{who.object_id}" cannot {wish.verb} resource "{wish.named}" in API group '
        f'"{wish.group}" {where}'
    )
    return status(403, "Forbidden", message, kind=wish.resource)
