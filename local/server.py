"""The local Azure on the network: HTTPS for everything, plain HTTP for the identity endpoint, as in App Service.

    world = seed.example_world()
    with LocalAzure(world) as azure:
        subprocess.run(["az", "login", "--identity"], env={**os.environ, **azure.environment()})

or, with the example fleet and a command to run in it: `python -m local.server -- tests/az/session.sh`.
"""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from local import faces, tls
from local.faces import Request, Response
from local.faces.identity import IDENTITY_PATH
from local.part import Part
from local.serving import Server, localhost_tls
from local.world import World
from local.world.access import APP, OPERATOR

BIN = Path(__file__).parent / "bin"

Face = Callable[[World, Request], Response]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalAzure(Part):
    """Serves a world from threads of its own, from `start` (or `with`) to `stop`. Ports of 0 are free ones."""

    def __init__(self, world: World, *, port: int = 0, identity_port: int = 0, folder: Path | None = None) -> None:
        self.world = world
        self._own_folder = tempfile.TemporaryDirectory(prefix="local-azure-") if folder is None else None
        self._folder = folder or Path(self._own_folder.name if self._own_folder else "")
        self._cloud = Server("local-azure", [_everything(world, faces.handle)], port, _tls())
        self._identity = Server("local-identity", [_everything(world, faces.handle_identity)], identity_port)

    # what clients need

    @property
    def arm_endpoint(self) -> str:
        """ARM's address, also that of Resource Graph, Entra and the clusters."""
        return self._cloud.url.replace("127.0.0.1", "localhost")

    @property
    def identity_endpoint(self) -> str:
        """The value of IDENTITY_ENDPOINT."""
        return self._identity.url.replace("127.0.0.1", "localhost") + IDENTITY_PATH

    @property
    def ca_file(self) -> Path:
        """The certificate that clients have to trust."""
        return self._folder / "ca.pem"

    @property
    def app_identity_header(self) -> str:
        """The IDENTITY_HEADER of the app: it may what the roles in infra/ say."""
        return APP.identity_header

    @property
    def operator_identity_header(self) -> str:
        """The IDENTITY_HEADER of a person who owns everything, for the Azure CLI and tests."""
        return OPERATOR.identity_header

    def environment(self, *, operator: bool = False) -> dict[str, str]:
        """Return the variables with which the app (or an operator's shell) lives in this Azure.

        PATH is the caller's, with the stand-in for `kubelogin` in front.
        """
        return {
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.operator_identity_header if operator else self.app_identity_header,
            "LOCAL_ARM_ENDPOINT": self.arm_endpoint,
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    # life

    def start(self) -> None:
        """Begin to serve; raise OSError if a port is taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.ca_file.write_bytes(tls.authority().certificate_pem)
        self._cloud.start()
        self._identity.start()

    def stop(self) -> None:
        """End all connections and forget the certificate; calling it again does nothing."""
        self._identity.stop()
        self._cloud.stop()
        if self._own_folder:
            self._own_folder.cleanup()


def _tls() -> ssl.SSLContext:
    context = localhost_tls()
    context.load_verify_locations(cadata=tls.authority().certificate_pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL  # clusters with local accounts know their clients by certificate
    return context


def _everything(world: World, face: Face) -> web.RouteDef:
    return web.route("*", "/{path:.*}", _handler(world, face))


def _handler(world: World, face: Face) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        asked = await _read(request)
        # in a thread: a callback of the world may take its time
        handle = asyncio.get_running_loop().run_in_executor
        response = await handle(None, face, world, asked)
        begun = await _begun(request, response)
        while response.again_after and (begun is None or request.transport is not None):
            await asyncio.sleep(response.again_after)
            asked = replace(asked, waited=asked.waited + response.again_after)
            response = await handle(None, face, world, asked)
        if response.drop and request.transport is not None:
            request.transport.abort()
        if begun is not None:
            with contextlib.suppress(ConnectionError):  # who watched has left
                await begun.write_eof(response.body)
            return begun
        return web.Response(status=response.status, headers=list(response.headers), body=response.body)

    return serve


async def _begun(request: web.Request, response: Response) -> web.StreamResponse | None:
    """Send the head of an answer whose body is to come later."""
    if not response.begun:
        return None
    begun = web.StreamResponse(status=response.status, headers=dict(response.headers))
    await begun.prepare(request)
    return begun


async def _read(request: web.Request) -> Request:
    peer = request.transport.get_extra_info("peercert") if request.transport else None
    names = [value for part in (peer or {}).get("subject", ()) for name, value in part if name == "commonName"]
    return Request(
        method=request.method,
        path=request.path,
        query={name.lower(): value for name, value in request.query.items()},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        base_url=f"{request.scheme}://{request.host}",
        client_certificate=names[0] if names else None,
        address=request.remote or "",
    )


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Serve the example fleet; with a command after `--`, run it as the operator and return its exit code."""
    from local import seed

    command = [argument for argument in sys.argv[1:] if argument != "--"] if arguments is None else arguments
    with LocalAzure(seed.example_world()) as azure:
        ours = azure.environment(operator=True)
        if command:
            return subprocess.run(command, env={**environment, **ours}, check=False).returncode
        for name, value in ours.items():
            print(f"export {name}={value}", flush=True)
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
