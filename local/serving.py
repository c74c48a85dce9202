"""A small web server on a thread of its own, for the receivers that the local Azure puts beside itself."""

import ssl
import tempfile
from collections.abc import Sequence

from aiohttp import web

from local import tls
from local.loop import LoopThread
from local.part import Part


class Server(Part):
    """Serves routes on 127.0.0.1 until stopped; with a TLS context over HTTPS."""

    def __init__(
        self, name: str, routes: Sequence[web.RouteDef], port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._routes, self._port, self._tls = routes, port, tls
        self._loop = LoopThread(name)
        self._runner: web.AppRunner | None = None
        self.url = ""

    def start(self) -> None:
        """Starts serving; OSError when the port is taken."""
        self._loop.start()
        port = self._loop.run(self._start())
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"

    def stop(self) -> None:
        """Stops serving; calling it again does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._loop.run(_close(runner))
        self._loop.stop()

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_routes(self._routes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        port: int = self._runner.addresses[0][1]
        return port


def localhost_tls() -> ssl.SSLContext:
    """A server's context with a certificate of localhost, from the authority of this process."""
    certificate, key = tls.authority().issue("localhost", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the ssl module reads files only
        file.write(certificate + key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def _close(runner: web.AppRunner) -> None:
    # a TLS connection would otherwise wait for its client's goodbye
    for connection in runner.server.connections if runner.server else ():
        if connection.transport is not None:
            connection.transport.abort()
    await runner.cleanup()
