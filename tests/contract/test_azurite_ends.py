"""Azurite never outlives who started it, and a taken port is named."""

import signal
import subprocess
import sys
import time

import pytest

from local.azurite import Azurite, AzuriteError

START = "import time; from local.azurite import Azurite; a = Azurite(); a.start(); print(a._process.pid, flush=True)"
WAIT_SECONDS = 30.0


def alive(pid: int) -> bool:
    """A dead process that nobody has asked for is none."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")


def test_azurite_ends_when_its_parent_is_killed() -> None:
    command = [sys.executable, "-c", f"{START}; time.sleep(600)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + WAIT_SECONDS
    while alive(pid):
        assert time.monotonic() < deadline, f"Azurite {pid} outlives its parent"
        time.sleep(0.05)


def test_a_taken_port_is_named_without_node_s_own_words(azurite: Azurite) -> None:
    taken = azurite.ports[0]

    with pytest.raises(AzuriteError) as caught:
        Azurite(blob_port=taken).start()

    assert str(caught.value) == f"127.0.0.1:{taken} is taken"
