"""Starts and stops Azurite, the emulator of Azure Storage; everything it holds is gone when it stops."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from local.part import Part

EXECUTABLE = Path(__file__).parent / "azurite" / "node_modules" / ".bin" / "azurite"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # documented
READY = "successfully listening"
START_SECONDS = 60.0
STOP_SECONDS = 5.0
ATTEMPTS = 3
TAKEN = re.compile(r"EADDRINUSE\D*([\d.]+:\d+)")
GUARD = 'read -r _; kill -s TERM -- "-$1" 2>/dev/null'  # the group: it leads a session of its own


class AzuriteError(RuntimeError):
    """Azurite isn't installed or didn't start; the message says which, and what to do."""


class Azurite(Part):
    """Blob, queue and table storage on three ports of the loopback address, held in memory.

    Takes the three ports, 0 for free ones. Use as a context manager, or `start` and `stop`.
    Every process that it started is gone after `stop`, and soon after this process is, however it ended.
    """

    def __init__(self, blob_port: int = 0, queue_port: int = 0, table_port: int = 0) -> None:
        self._wanted = (blob_port, queue_port, table_port)
        self.ports: tuple[int, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def connection_string(self) -> str:
        """What the storage SDKs, the Azure CLI and the Functions host take."""
        endpoints = (
            f"{service}Endpoint={url};" for service, url in zip(("Blob", "Queue", "Table"), self.endpoints, strict=True)
        )
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};" + "".join(endpoints)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs of blob, queue and table storage."""
        return tuple(f"http://127.0.0.1:{port}/{ACCOUNT}" for port in self.ports)

    def start(self) -> None:
        """Starts Azurite and waits until all three services accept connections; AzuriteError if they don't."""
        if not EXECUTABLE.exists():
            raise AzuriteError(f"Azurite is not installed at {EXECUTABLE}: run `make setup`")
        for attempt in range(1, ATTEMPTS + 1):
            # a free port can be taken between choosing and using it, so that chosen ports are tried again
            self.ports = tuple(port or free_port() for port in self._wanted)
            self._spawn()
            if self._becomes_ready():
                return
            said = self._said()
            self.stop()
            taken = TAKEN.search(said)
            if taken and any(self._wanted):
                raise AzuriteError(f"{taken[1]} is taken")
            if not taken or attempt == ATTEMPTS:
                raise AzuriteError(f"ports {self.ports}:\n{said}")

    def stop(self) -> None:
        """Ends Azurite's whole process group; calling it again does nothing."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _signal_group(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._process = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def _spawn(self) -> None:
        blob, queue, table = (str(port) for port in self.ports)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        command = [str(EXECUTABLE), "--silent", "--inMemoryPersistence", "--disableTelemetry"]
        command += ["--skipApiVersionCheck", "--blobPort", blob, "--queuePort", queue, "--tablePort", table]
        self._process = subprocess.Popen(command, stdout=self._output, stderr=subprocess.STDOUT, start_new_session=True)
        # its standard input ends with this process, even where that is killed; there is nothing else on macOS
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(self._process.pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        # what it says counts, not that a port answers: that may be another one's
        while self._said().count(READY) < len(self.ports):
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _said(self) -> str:
        if self._output is None:
            return ""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")


def free_port() -> int:
    """A port of the loopback address that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
