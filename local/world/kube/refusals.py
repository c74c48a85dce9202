"""What an API server refuses, in Kubernetes' own words (apimachinery's api/errors and the packages named here)."""

from local.world.kube.state import Json


class Refusal(Exception):  # noqa: N818 (an answer, not a fault)
    """A request that the API server refuses. It must never be raised after a change was made."""

    def __init__(self, code: int, reason: str, message: str, **details: object) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.message = code, reason, message
        self.details: Json = dict(details)


def not_found(plural: str, name: str, group: str = "") -> Refusal:
    """Answer for an object that isn't there."""
    resource = f"{plural}.{group}" if group else plural
    return Refusal(404, "NotFound", f'{resource} "{name}" not found', name=name, kind=plural)


def exists(plural: str, name: str) -> Refusal:
    """Answer for a name that is taken."""
    return Refusal(409, "AlreadyExists", f'{plural} "{name}" already exists', name=name, kind=plural)


def forbidden(plural: str, name: str, why: str, **details: object) -> Refusal:
    """Answer of admission."""
    return Refusal(403, "Forbidden", f'{plural} "{name}" is forbidden: {why}', name=name, kind=plural, **details)


def invalid(kind: str, name: str, field: str, why: str) -> Refusal:
    """Answer for an object that doesn't validate."""
    cause = {"reason": "FieldValueInvalid", "message": why, "field": field}
    message = f'{kind} "{name}" is invalid: {field}: {why}'
    return Refusal(422, "Invalid", message, name=name, kind=kind, causes=[cause])


def bad_request(message: str) -> Refusal:
    """Answer for a request that makes no sense."""
    return Refusal(400, "BadRequest", message)
