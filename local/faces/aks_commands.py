"""Run command, as AKS answers it: a command is taken, runs in the cluster, and its result can be read.

Captured: tests/data/arm/recorded.runCommand.json. What AKS says where run command is disabled, the cluster is stopped
or the token is missing is not: codes and texts of those refusals are made up.
"""

import base64
import binascii
import io
import zipfile
from datetime import timedelta
from functools import partial

from local.faces import kubeconfig, shell
from local.faces.aks_answers import cluster_of
from local.faces.arm import Context
from local.faces.http import Json, Response, answer
from local.faces.kubectl import Kubectl
from local.world import World, pools, rollout
from local.world.access import InvalidToken
from local.world.commands import TIME_LIMIT, Command
from local.world.errors import ArmError
from local.world.model import Cluster

STARTS_AFTER = timedelta(seconds=5)
"""How long the command's pod takes to start, or a quarter of the world's operations where those are quick."""


def run_command(context: Context) -> Response:
    """Begin to run a command with the rights of its token, or of the cluster's administrator."""
    cluster, body = cluster_of(context), context.body()
    authorization = _authorization(context.world, cluster, str(body.get("clusterToken") or ""))
    files = _files(str(body.get("context") or ""))
    _check(cluster, body)
    now = context.world.now
    command = Command(context.world.guid().replace("-", ""), asked=now)
    cluster.commands[command.id] = command
    if _has_room(cluster):
        kubectl = Kubectl(context.world, cluster, authorization, files)
        run = partial(_run, context.world, command, str(body["command"]), kubectl)
        context.world.at(now + min(STARTS_AFTER, context.world.operation_time / 4), run)
    return Response(202, (_location(context, cluster, command),))


def get_result(context: Context) -> Response:
    """Answer 202 while a command runs, then what came out of it."""
    cluster, now = cluster_of(context), context.world.now
    command = cluster.commands.get(context.params["o"].lower())
    if command is None or (command.finished is None and not _runs(command, context)):
        # a command whose pod finds no node ends so (facts, section 3: 'Not Found'); whether the POST or this says it
        # is not known
        return Response(404)
    if command.finished is None or now < command.finished:
        return answer(_show(command, running=True), 202, _location(context, cluster, command))
    return answer(_show(command, running=False))


def _runs(command: Command, context: Context) -> bool:
    return context.world.now <= command.asked + TIME_LIMIT


def _run(world: World, command: Command, text: str, kubectl: Kubectl) -> None:
    outcome = shell.run(text, kubectl)
    command.end(outcome, world.now + min(outcome.took, TIME_LIMIT))


def _show(command: Command, *, running: bool) -> Json:
    if running:
        return {"id": command.id, "properties": {"provisioningState": "Running"}}
    if command.outcome is None:
        return {"id": command.id, "properties": {"provisioningState": "Failed", "reason": command.reason}}
    properties: Json = {
        "provisioningState": "Succeeded",  # whatever the exit code
        "exitCode": command.outcome.exit_code,
        "logs": command.outcome.logs,
    }
    if command.finished:
        began = command.finished - command.outcome.took
        properties |= {
            "startedAt": f"{began:%Y-%m-%dT%H:%M:%SZ}",
            "finishedAt": f"{command.finished:%Y-%m-%dT%H:%M:%SZ}",
        }
    return {"id": command.id, "properties": properties}


def _location(context: Context, cluster: Cluster, command: Command) -> tuple[str, str]:
    at = cluster.id.replace("/managedClusters/", "/managedclusters/")  # as captured
    version = context.call.api_version
    return ("Location", f"{context.request.base_url}{at}/commandResults/{command.id}?api-version={version}")


def _check(cluster: Cluster, body: Json) -> None:
    if not body.get("command"):
        raise ArmError(400, "InvalidParameter", "Required parameter command is missing (null).")
    if cluster.api_access.get("disableRunCommand"):
        raise ArmError(400, "BadRequest", "Run command is disabled for this managed cluster.")
    if cluster.provisioning_state in {
        "Creating",
        "Deleting",
    }:  # the text is that of the release notes (facts, section 2)
        raise ArmError(400, "BadRequest", "The cluster is being deleted or hasn't been fully provisioned yet.")
    pools.ensure_running(cluster)


def _authorization(world: World, cluster: Cluster, token: str) -> str:
    if not cluster.entra:
        return f"Bearer {cluster.token}"
    try:
        world.access.authenticate(f"Bearer {token}", (kubeconfig.KUBERNETES_AUDIENCE,))
    except InvalidToken as error:
        text = "A clusterToken for the AKS Entra server application is needed for this managed cluster."
        raise ArmError(400, "BadRequest", text) from error
    return f"Bearer {token}"


def _files(context: str) -> dict[str, str]:
    """Return the text files of the context by name; raise ArmError (400) if it is no zip file."""
    if not context:
        return {}
    try:
        text = "".join(context.split())  # Azure CLI sends lines
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(text, validate=True)))
    except (binascii.Error, zipfile.BadZipFile) as error:
        raise ArmError(400, "BadRequest", "The context is not a base64 encoded zip file.") from error
    names = [name for name in archive.namelist() if not name.endswith("/")]
    return {name.removeprefix("./"): archive.read(name).decode(errors="replace") for name in names}


def _has_room(cluster: Cluster) -> bool:
    """Tell that a node takes the command's pod, which needs Linux."""
    return any(
        node.ready and not node.unschedulable
        for pool in cluster.pools.values()
        if not pool.windows
        for node in rollout.nodes(cluster, pool)
    )
