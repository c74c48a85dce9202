"""Management groups as ARM shows them: what is below one, page by page, readable for the caller or not."""

from local.faces.aks_answers import page
from local.faces.arm import Context, Route
from local.faces.http import Json, Response
from local.world.management import Entity


def list_descendants(context: Context) -> Response:
    """Answer all management groups and subscriptions below one, at any depth."""
    names = {one.id: one.name for one in context.world.subscriptions.values()}
    found = context.world.management.below(context.params["m"], names)
    return page(context, [_show(entity) for entity in found])


def _show(entity: Entity) -> Json:
    return {
        "id": entity.id,
        "type": entity.type,
        "name": entity.name,
        "properties": {"displayName": entity.display_name, "parent": {"id": entity.parent}},
    }


ROUTES = (
    Route(
        "managementGroups.descendants",
        "GET",
        "/providers/Microsoft.Management/managementGroups/{m}|/descendants",
        "Microsoft.Management/managementGroups/descendants/read",
        "managementGroups",
        list_descendants,
    ),
)
