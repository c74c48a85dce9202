"""The kinds of objects that an API server knows, as kubectl finds them out: by discovery."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from local.faces.http import Json


@dataclass(frozen=True)
class Resource:
    """A kind of object, as discovery tells of it."""

    base: str
    """`/api/v1` or `/apis/<group>/<version>`."""
    plural: str
    kind: str
    namespaced: bool
    names: tuple[str, ...]
    """Everything that people call it, in lower case."""

    @property
    def shown(self) -> str:
        """The name in front of a slash: `pod`, `deployment.apps`."""
        group = _group(self.base)
        return f"{self.kind.lower()}.{group}" if group else self.kind.lower()

    def path(self, namespace: str | None, name: str = "") -> str:
        """Return the path of an object, or of all of them; None for those of every namespace."""
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace is not None else ""
        return f"{self.base}{scope}/{self.plural}" + (f"/{name}" if name else "")


def discovered(ask: Callable[[str], Json]) -> Iterator[Resource]:
    """Yield what an API server knows; `ask` reads a path of it."""
    groups = ask("/apis")["groups"]
    for base in ("/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)):
        for found in ask(base)["resources"]:
            if "/" not in found["name"]:  # the others are subresources
                names = (found["name"], found["singularName"], found["kind"].lower(), *found.get("shortNames", ()))
                full = tuple(f"{name}.{_group(base)}" for name in names[:2])
                yield Resource(base, found["name"], found["kind"], found["namespaced"], (*names, *full))


def _group(base: str) -> str:
    return base.removeprefix("/apis/").rpartition("/")[0] if base.startswith("/apis/") else ""
