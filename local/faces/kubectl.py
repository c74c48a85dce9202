"""A small kubectl for run command: what it is told becomes requests to the cluster's API server, in process.

Outputs and errors read as kubectl's own do. Resources are found by discovery, so that it knows what the API server
knows. Not here: logs, exec, describe, watches, other output formats; they are refused as kubectl refuses what it
doesn't know.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

import yaml

from local.faces import kubeconfig, kubernetes
from local.faces.http import Json, Response, request
from local.faces.kubectl_print import lines, named, pretty, table
from local.faces.kubectl_resources import Resource, discovered
from local.world.commands import TIME_LIMIT

if TYPE_CHECKING:
    from local.world import World
    from local.world.model import Cluster

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True)
class Printed:
    """What a program printed, on both outputs together, and its exit code."""

    code: int
    text: str


class Failed(Exception):  # noqa: N818 (it is what kubectl says)
    """What kubectl prints before it ends with exit code 1."""


class Kubectl:
    """kubectl in a pod of the cluster. `files` are those of its working directory."""

    def __init__(self, world: World, cluster: Cluster, authorization: str, files: Mapping[str, str]) -> None:
        self.files = files
        self.waited = timedelta(0)
        """How long the API server let it wait."""
        self._world, self._cluster, self._authorization = world, cluster, authorization

    def run(self, arguments: list[str]) -> Printed:
        """Do what a command line says."""
        commands: dict[str, Callable[[argparse.Namespace], str]] = {
            "get": self._get,
            "create": self._create,
            "apply": self._apply,
            "delete": self._delete,
            "version": self._version,
        }
        verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
        if verb not in commands:
            return Printed(1, f'error: unknown command "{verb}" for "kubectl"\n')
        try:
            return Printed(0, commands[verb](_PARSER.parse_intermixed_args(rest)))
        except Failed as failure:
            return Printed(1, f"{failure}\n")

    # the verbs

    def _get(self, asked: argparse.Namespace) -> str:
        if asked.raw:
            return self._body(self._ask("GET", asked.raw))
        if asked.output not in {"", "wide", "json", "name"}:
            raise Failed(f'error: unable to match a printer suitable for the output format "{asked.output}"')
        resource, names = self._named(asked)
        query = {"labelSelector": asked.selector, "fieldSelector": asked.field_selector}
        suffix = urlencode({key: value for key, value in query.items() if value})
        paths = [resource.path(None if asked.all_namespaces else asked.namespace, name) for name in names or [""]]
        headers = {} if asked.output in {"json", "name"} else {"Accept": _TABLE}
        found = [self._ask("GET", f"{path}?{suffix}", headers=headers).json() for path in paths]
        match asked.output:
            case "json":
                return pretty(found, one=len(names) == 1)
            case "name":
                return "".join(f"{resource.shown}/{item['metadata']['name']}\n" for item in lines(found))
        where = f" in {asked.namespace} namespace" if resource.namespaced and not asked.all_namespaces else ""
        spaces = resource.namespaced and asked.all_namespaces
        return table(found, wide=asked.output == "wide", namespaces=spaces) or f"No resources found{where}.\n"

    def _create(self, asked: argparse.Namespace) -> str:
        if asked.raw:
            return self._body(self._ask("POST", asked.raw, body="".join(self._texts(asked))))
        said = ""
        for item in self._objects(asked):
            resource, namespace = self._of(item, asked)
            self._ask("POST", resource.path(namespace), body=json.dumps(item))
            said += f"{resource.shown}/{item['metadata']['name']} created\n"
        return said

    def _apply(self, asked: argparse.Namespace) -> str:
        said = ""
        for item in self._objects(asked):
            resource, namespace = self._of(item, asked)
            name = str(item["metadata"]["name"])
            if self._send("GET", resource.path(namespace, name)).status == 404:
                self._ask("POST", resource.path(namespace), body=json.dumps(item))
                said += f"{resource.shown}/{name} created\n"
            else:
                self._ask("PATCH", resource.path(namespace, name), body=json.dumps(item), headers=_MERGE)
                said += f"{resource.shown}/{name} configured\n"
        return said

    def _delete(self, asked: argparse.Namespace) -> str:
        if asked.raw:
            return self._body(self._ask("DELETE", asked.raw, body="".join(self._texts(asked))))
        said = ""
        for resource, namespace, name in self._to_delete(asked):
            response = self._send("DELETE", resource.path(namespace, name))
            if response.status == 404 and asked.ignore_not_found:
                continue
            self._checked(response)
            said += f'{resource.shown} "{name}" deleted\n'
        return said or "No resources found\n"

    def _version(self, _: argparse.Namespace) -> str:
        server = self._ask("GET", "/version").json()["gitVersion"]
        return f"Client Version: {server}\nKustomize Version: v5.7.1\nServer Version: {server}\n"

    # what they mean

    def _named(self, asked: argparse.Namespace) -> tuple[Resource, list[str]]:
        if not asked.words:
            raise Failed("error: You must specify the type of resource to get.")
        kind, *names = asked.words
        if "/" in kind:
            names, kind = [word.partition("/")[2] for word in asked.words], kind.partition("/")[0]
        for resource in self._resources():
            if kind.lower() in resource.names:
                return resource, names
        raise Failed(f'error: the server doesn\'t have a resource type "{kind}"')

    def _to_delete(self, asked: argparse.Namespace) -> Iterator[tuple[Resource, str | None, str]]:
        if asked.filename:
            for item in self._objects(asked):
                resource, namespace = self._of(item, asked)
                yield resource, namespace, str(item["metadata"]["name"])
            return
        resource, names = self._named(asked)
        if not names and not asked.selector:
            raise Failed("error: resource(s) were provided, but no name was specified")
        if asked.selector:
            query = urlencode({"labelSelector": asked.selector})
            names = [
                named(item) for item in self._ask("GET", f"{resource.path(asked.namespace)}?{query}").json()["items"]
            ]
        for name in names:
            yield resource, asked.namespace, name

    def _of(self, item: Json, asked: argparse.Namespace) -> tuple[Resource, str | None]:
        version, kind = str(item.get("apiVersion")), str(item.get("kind"))
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if not (item.get("metadata") or {}).get("name"):
            raise Failed("error: resource name may not be empty")
        for resource in self._resources():
            if (resource.base, resource.kind) == (base, kind):
                return resource, str(item["metadata"].get("namespace") or asked.namespace)
        raise Failed(
            f'error: resource mapping not found for name: "{named(item)}": '
            f'no matches for kind "{kind}" in version "{version}"'
        )

    def _objects(self, asked: argparse.Namespace) -> Iterator[Json]:
        for name, text in zip(asked.filename, self._texts(asked), strict=True):
            try:
                found = list(yaml.safe_load_all(text))
            except yaml.YAMLError as error:
                raise Failed(f"error: error parsing {name}: {error}") from error
            for item in found:
                if not isinstance(item, dict) or not {"apiVersion", "kind"} <= item.keys():
                    raise Failed(f"error: unable to decode \"{name}\": Object 'Kind' is missing")
                yield from item["items"] if item["kind"] == "List" else [item]

    def _texts(self, asked: argparse.Namespace) -> Iterator[str]:
        for name in asked.filename:
            if name not in self.files:
                raise Failed(f'error: the path "{name}" does not exist')
            yield self.files[name]

    def _resources(self) -> Iterator[Resource]:
        return discovered(lambda path: self._ask("GET", path).json())

    # the wire

    def _ask(self, method: str, path: str, *, body: str = "", headers: Mapping[str, str] | None = None) -> Response:
        return self._checked(self._send(method, path, body=body, headers=headers))

    def _send(self, method: str, path: str, *, body: str = "", headers: Mapping[str, str] | None = None) -> Response:
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        sent["Authorization"] = self._authorization
        url = f"{kubeconfig.path(self._cluster)}/{path.lstrip('/')}".rstrip("?")
        asked = replace(request(method, url, headers=sent, body=body.encode()), inside=True)
        response = kubernetes.handle(self._world, asked)
        while response.again_after and self.waited <= TIME_LIMIT:
            self.waited += timedelta(seconds=response.again_after)
            response = kubernetes.handle(self._world, asked)
        return response

    def _checked(self, response: Response) -> Response:
        if response.drop or response.again_after:
            host = f"{self._cluster.properties['dnsPrefix']}.hcp.{self._cluster.location}.azmk8s.io:443"
            raise Failed(f"The connection to the server {host} was refused - did you specify the right host or port?")
        if response.status < 400:
            return response
        said: dict[str, Any] = response.json()
        if response.status == 401:
            raise Failed("error: You must be logged in to the server (Unauthorized)")
        raise Failed(f"Error from server ({said['reason']}): {said['message']}")

    def _body(self, response: Response) -> str:
        return response.body.decode()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failed(f"error: {message}")


def _parser() -> _Parser:
    parser = _Parser(prog="kubectl", add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--raw", default="")
    parser.add_argument("-f", "--filename", action="append", default=[])
    parser.add_argument("-n", "--namespace", default="default")
    parser.add_argument("-A", "--all-namespaces", action="store_true")
    parser.add_argument("-l", "--selector", default="")
    parser.add_argument("--field-selector", default="")
    parser.add_argument("-o", "--output", default="")
    parser.add_argument("--ignore-not-found", nargs="?", const="true", default="")
    # taken, and without meaning here
    for flag in ("--force", "--now"):
        parser.add_argument(flag, action="store_true")
    for option in ("--wait", "--grace-period", "--timeout"):
        parser.add_argument(option)
    return parser


_PARSER = _parser()
