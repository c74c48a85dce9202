"""The local Azure on the network: HTTPS for everything, plain HTTP for the identity endpoint, as in App Service.

    world = seed.example_world()
    with LocalAzure(world) as azure:
        subprocess.run(["az", "login", "--identity"], env={**os.environ, **azure.environment()})

or, with the example fleet and a command to run in it: `python -m local.server -- tests/az/session.sh`.
"""

import asyncio
import os
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from local import faces, tls
from local.faces import Request, Response
from local.faces.identity import IDENTITY_PATH
from local.world import World
from local.world.access import APP, OPERATOR

BIN = Path(__file__).parent / "bin"
MAX_BODY = 16 * 2**20

Face = Callable[[World, Request], Response]


class LocalAzure:
    """Serves a world from a thread of its own, from `start` (or `with`) to `stop`. Ports of 0 are free ones."""

    def __init__(self, world: World, *, port: int = 0, identity_port: int = 0, folder: Path | None = None) -> None:
        self.world = world
        self._ports = (port, identity_port)
        self._own_folder = tempfile.TemporaryDirectory(prefix="local-azure-") if folder is None else None
        self._folder = folder or Path(self._own_folder.name if self._own_folder else "")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="local-azure", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._runners: list[web.AppRunner] = []

    # what clients need

    @property
    def arm_endpoint(self) -> str:
        """ARM's address, also that of Resource Graph, Entra and the clusters."""
        return f"https://localhost:{self._ports[0]}"

    @property
    def identity_endpoint(self) -> str:
        """The value of IDENTITY_ENDPOINT."""
        return f"http://localhost:{self._ports[1]}{IDENTITY_PATH}"

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

    def start(self) -> Self:
        """Begin to serve; raise OSError if a port is taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.ca_file.write_bytes(tls.authority().certificate_pem)
        self._thread.start()
        self._started.wait()
        if self._failure:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """End all connections and forget the certificate."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        if self._own_folder:
            self._own_folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 (handed to the thread that waits in start)
            self._failure = error
        else:
            self._started.set()
            self._loop.run_forever()
        finally:
            for runner in self._runners:
                self._loop.run_until_complete(runner.cleanup())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._started.set()

    async def _serve(self) -> None:
        port = await self._listen(faces.handle, self._ports[0], self._server_context())
        identity_port = await self._listen(faces.handle_identity, self._ports[1], None)
        self._ports = (port, identity_port)

    async def _listen(self, face: Face, port: int, context: ssl.SSLContext | None) -> int:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", _handler(self.world, face))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        bound: int = runner.addresses[0][1]
        return bound

    def _server_context(self) -> ssl.SSLContext:
        certificate, key = tls.authority().issue("localhost", server=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".pem") as file:
            file.write(certificate + key)
            file.flush()
            context.load_cert_chain(file.name)
        context.load_verify_locations(cadata=tls.authority().certificate_pem.decode())
        context.verify_mode = ssl.CERT_OPTIONAL  # clusters with local accounts know their clients by certificate
        return context


def _handler(world: World, face: Face) -> Callable[[web.Request], Any]:
    async def serve(request: web.Request) -> web.StreamResponse:
        asked = await _read(request)
        while True:
            # in a thread: a callback of the world may take its time
            response = await asyncio.get_running_loop().run_in_executor(None, face, world, asked)
            if not response.again_after:
                break
            await asyncio.sleep(response.again_after)
        if response.drop and request.transport is not None:
            request.transport.abort()
        return web.Response(status=response.status, headers=list(response.headers), body=response.body)

    return serve


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
