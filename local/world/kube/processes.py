"""From a container's spec to its running process, and what is left of it: exit code, log, termination message."""

from local.world.kube import shell_commands, windows
from local.world.kube.files import Machine, View
from local.world.kube.nodes import Place
from local.world.kube.shell import Running, Shell, Streams, environment
from local.world.kube.state import Container, Json, Pod

_WINDOWS_NAMES = ("windows", "nanoserver", "servercore")
_MESSAGE_BYTES, _LOG_BYTES, _LOG_LINES = 4096, 2048, 80
NO_PROGRAM = 128
"""The exit code of a container whose program isn't there (StartError)."""
LOG_PATH = "/dev/termination-log"


def is_windows_image(image: str) -> bool:
    """Tell a Windows image by its name."""
    return any(name in image.lower() for name in _WINDOWS_NAMES)


def host_process(pod: Json, container: Json) -> bool:
    """Tell that a container's securityContext, or else its pod's, makes it a HostProcess container."""
    for holder in (container, pod):
        options = (holder.get("securityContext") or {}).get("windowsOptions") or {}
        if "hostProcess" in options:
            return bool(options["hostProcess"])
    return False


def start(pod: Pod, container: Container, place: Place) -> Running | None:
    """Start a container's process; None: it has no command here, and what its image does runs for ever.

    Of images nothing is known but their names, so a program of the image's own is not known either.
    """
    command = _command(container.spec)
    if not command:
        return None
    streams = Streams(container.log.append, container.log.append)
    pool, node = place
    if pool.windows:
        registry = node if host_process(pod.spec, container.spec) else None
        known = windows.is_program(command[0])
        return windows.Windows(registry).start(command, streams) if known else _not_there(container, command[0])
    if not shell_commands.is_program(False, command[0]):
        return _not_there(container, command[0])
    view = View(Machine(pool, node), pod.spec, container.spec)
    files = view.files()
    container.files = view.own
    return shell_commands.execute(Shell(files, environment(container.spec)), command, streams)


def _command(spec: Json) -> list[str]:
    return [str(word) for word in (*(spec.get("command") or ()), *(spec.get("args") or ()))]


def _not_there(container: Container, program: str) -> Running:
    yield from ()
    container.reason = "StartError"
    container.message = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        f'unable to start container process: exec: "{program}": executable file not found in $PATH: unknown'
    )
    return NO_PROGRAM


def finish(container: Container, code: int) -> None:
    """Keep what is left of a container that ended: reason, termination message."""
    container.exit_code = code
    container.process = None
    if container.reason:
        return
    container.reason = "Completed" if code == 0 else "Error"
    written = container.files.get(str(container.spec.get("terminationMessagePath") or LOG_PATH), "")
    message = written.encode()[:_MESSAGE_BYTES].decode(errors="ignore")
    if not message and code and container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        tail = "".join("".join(container.log).splitlines(keepends=True)[-_LOG_LINES:])
        message = tail.encode()[-_LOG_BYTES:].decode(errors="ignore")
    container.message = message
