"""What ARM itself answers: tenants, subscriptions, resource groups, resource providers."""

from local.faces.arm import Context, Route
from local.faces.http import Json, Response, answer
from local.world.world import Group, Subscription

LOCATIONS = ("westeurope", "northeurope", "eastus", "westus2", "usgovvirginia")
_PROVIDERS = {
    "Microsoft.ContainerService": ("managedClusters", "managedClusters/agentPools", "locations/operations"),
    "Microsoft.ResourceGraph": ("resources", "operations"),
    "Microsoft.Compute": ("virtualMachineScaleSets",),
    "Microsoft.Network": ("virtualNetworks",),
    "Microsoft.Storage": ("storageAccounts",),
    "Microsoft.OperationalInsights": ("workspaces",),
    "Microsoft.OperationsManagement": ("solutions",),
}


def list_tenants(context: Context) -> Response:
    """Answer the one tenant there is."""
    tenant = context.world.access.tenant
    return answer(
        {
            "value": [
                {
                    "id": f"/tenants/{tenant}",
                    "tenantId": tenant,
                    "displayName": "fipswarden local Azure",
                    "defaultDomain": "local.example",
                    "tenantCategory": "Home",
                }
            ]
        }
    )


def _show(subscription: Subscription, tenant: str) -> Json:
    return {
        "id": f"/subscriptions/{subscription.id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": tenant,
        "displayName": subscription.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def list_subscriptions(context: Context) -> Response:
    """Answer the subscriptions in which the caller has any role."""
    access = context.world.access
    seen = [s for s in context.world.subscriptions.values() if access.sees(context.call.principal, s.id)]
    return answer(
        {
            "value": [_show(subscription, access.tenant) for subscription in seen],
            "count": {"type": "Total", "value": len(seen)},
        }
    )


def get_subscription(context: Context) -> Response:
    """Answer one subscription."""
    subscription = context.world.subscription(context.params["s"])
    return answer(_show(subscription, context.world.access.tenant))


def list_locations(context: Context) -> Response:
    """Answer the regions of a subscription."""
    at = f"/subscriptions/{context.params['s']}/locations"
    return answer(
        {
            "value": [
                {"id": f"{at}/{name}", "name": name, "displayName": name, "regionalDisplayName": name}
                for name in LOCATIONS
            ]
        }
    )


def _show_group(subscription: str, group: Group) -> Json:
    return {
        "id": f"/subscriptions/{subscription}/resourceGroups/{group.name}",
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    }


def list_groups(context: Context) -> Response:
    """Answer a subscription's resource groups."""
    subscription = context.world.subscription(context.params["s"])
    return answer({"value": [_show_group(subscription.id, group) for group in subscription.groups.values()]})


def get_group(context: Context) -> Response:
    """Answer one resource group."""
    return answer(_show_group(context.params["s"], context.world.group(context.params["s"], context.params["g"])))


def head_group(context: Context) -> Response:
    """Answer 204 for a resource group that is there, 404 else."""
    subscription = context.world.subscription(context.params["s"])
    return Response(204 if context.params["g"].lower() in subscription.groups else 404)


def put_group(context: Context) -> Response:
    """Create a resource group or renew its tags."""
    body, params = context.body(), context.params
    known = params["g"].lower() in context.world.subscription(params["s"]).groups
    location = str(body.get("location") or "westeurope")
    group = context.world.add_group(params["s"], params["g"], location, body.get("tags"))
    return answer(_show_group(params["s"], group), 200 if known else 201)


def _show_provider(context: Context, namespace: str) -> Json:
    state = context.world.registrations.get((context.params["s"].lower(), namespace.lower()), "Registered")
    types = next((types for name, types in _PROVIDERS.items() if name.lower() == namespace.lower()), ())
    return {
        "id": f"/subscriptions/{context.params['s']}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": state,
        "resourceTypes": [
            {"resourceType": name, "locations": list(LOCATIONS), "apiVersions": ["2026-08-01", "2026-06-01"]}
            for name in types
        ],
    }


def list_providers(context: Context) -> Response:
    """Answer the resource providers of a subscription."""
    return answer({"value": [_show_provider(context, name) for name in _PROVIDERS]})


def get_provider(context: Context) -> Response:
    """Answer one resource provider."""
    return answer(_show_provider(context, context.params["n"]))


def register_provider(context: Context) -> Response:
    """Register a resource provider, at once."""
    context.world.registrations[context.params["s"].lower(), context.params["n"].lower()] = "Registered"
    return answer(_show_provider(context, context.params["n"]))


def get_feature(context: Context) -> Response:
    """Answer that a preview feature is not registered."""
    params = context.params
    at = f"/subscriptions/{params['s']}/providers/Microsoft.Features/providers/{params['n']}/features/{params['f']}"
    return answer(
        {
            "id": at,
            "name": f"{params['n']}/{params['f']}",
            "type": "Microsoft.Features/providers/features",
            "properties": {"state": "NotRegistered"},
        }
    )


_SUBSCRIPTION = "/subscriptions/{s}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{g}}"
_READ, _READ_GROUP = (
    "Microsoft.Resources/subscriptions/read",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
)
_WRITE_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/write"
_FEATURE = f"{_SUBSCRIPTION}|/providers/Microsoft.Features/providers/{{n}}/features/{{f}}"

ROUTES = (
    Route("tenants.list", "GET", "/tenants", "", "subscriptions", list_tenants),
    Route("subscriptions.list", "GET", "/subscriptions", "", "subscriptions", list_subscriptions),
    Route("subscriptions.get", "GET", _SUBSCRIPTION, _READ, "subscriptions", get_subscription),
    Route("locations.list", "GET", f"{_SUBSCRIPTION}|/locations", _READ, "subscriptions", list_locations),
    Route("groups.list", "GET", f"{_SUBSCRIPTION}|/resourceGroups", _READ_GROUP, "subscriptions", list_groups),
    Route("groups.get", "GET", _GROUP, _READ_GROUP, "subscriptions", get_group),
    Route("groups.head", "HEAD", _GROUP, _READ_GROUP, "subscriptions", head_group),
    Route("groups.put", "PUT", _GROUP, _WRITE_GROUP, "subscriptions", put_group),
    Route("providers.list", "GET", f"{_SUBSCRIPTION}|/providers", _READ, "subscriptions", list_providers),
    Route("features.get", "GET", _FEATURE, _READ, "subscriptions", get_feature),
    Route("providers.get", "GET", f"{_SUBSCRIPTION}|/providers/{{n}}", _READ, "subscriptions", get_provider),
    Route(
        "providers.register",
        "POST",
        f"{_SUBSCRIPTION}|/providers/{{n}}/register",
        "*/register/action",
        "subscriptions",
        register_provider,
    ),
)
