"""`python -m local.main`, which is `make local`: the app on a local Azure, until Ctrl-C."""

import argparse
import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from shlex import quote

from local import logs, seed
from local.server import BIN
from local.stack import ROOT, LocalStack, Options, Ports, StackError

FOLDER = ROOT / ".local"
PORTS = Ports(
    azure=8443,
    identity=8444,
    blob=10000,
    queue=10001,
    table=10002,
    topic=8445,
    teams=8446,
    mail=8447,
    host=7071,
)
RULES = {
    "FIPSWARDEN_POLICY": ROOT / "local" / "policy.yaml",
    "FIPSWARDEN_EXEMPTIONS": ROOT / "local" / "exemptions.yaml",
}
"""The files that the app is judged by, by setting: each look reads them anew."""
SETTINGS = {name: f"file:{path}" for name, path in RULES.items()}
QUIET_SECONDS = 60.0
_TAKEN = """Probably another `make local` runs. End it with Ctrl-C in its terminal, or find its process:
  lsof -nP -iTCP:7071 -sTCP:LISTEN     (then: kill PID)
Or take other ports: .venv/bin/python -m local.main --free-ports --folder .local/second"""
_OWNER = "# of process "
INVISIBILITY = timedelta(seconds=30)  # a killed app's messages come back while one still looks


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 after Ctrl-C or SIGTERM, 1 when a part can't start."""
    parser = argparse.ArgumentParser(prog="python -m local.main", description=__doc__)
    parser.add_argument("--app", type=Path, default=ROOT, help="folder of function_app.py (default: the project)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="takes env.sh and other files (.local)")
    parser.add_argument("--free-ports", action="store_true", help="take free ports instead of the usual ones")
    chosen = parser.parse_args(arguments)
    logs.to_terminal()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    folder = chosen.folder.resolve()
    forget_dead(folder)
    options = Options(chosen.app.resolve(), SETTINGS, invisibility=INVISIBILITY)
    try:
        with (
            LocalStack(seed.example_world(), options, Ports() if chosen.free_ports else PORTS, folder) as stack,
            _env_script(folder / "env.sh", stack.env()) as script,
        ):
            if "resync" in stack.host.functions:
                stack.host.invoke("resync")
            _settle(stack, ended)
            print(_welcome(stack, script), flush=True)
            ended.wait()
    except StackError as error:
        print(f"local Azure: {error}", flush=True)
        if "taken" in str(error) or "address already in use" in str(error):
            print(_TAKEN, flush=True)
        return 1
    return 0


@contextlib.contextmanager
def _env_script(path: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """Writes a script to be sourced; whoever finds it knows that everything is ready. Removed at the end.

    Only once the ports are ours is what an earlier world left beside it gone: a second start by mistake harms nobody.
    """
    forget(path.parent)
    lines = [f"{_OWNER}{os.getpid()}"]
    lines += [f"export {name}={quote(value)}" for name, value in variables.items() if name != "PATH"]
    lines.append(f"export PATH={quote(str(BIN))}:$PATH:{quote(str(ROOT / '.venv' / 'bin'))}")
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(path)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def forget_dead(folder: Path) -> None:
    """Remove what a local Azure left that was killed: whoever finds its script would take it for ready."""
    script = folder / "env.sh"
    owner = script.read_text().partition("\n")[0].removeprefix(_OWNER) if script.exists() else ""
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        forget(folder)
    except PermissionError:
        return


def _settle(stack: LocalStack, ended: threading.Event) -> None:
    """Let the first looks end, so that what is printed next is not scrolled away by them."""
    deadline = time.monotonic() + QUIET_SECONDS
    while not ended.is_set() and time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            stack.host.idle(1)
            return


def forget(folder: Path) -> None:
    """Remove what an ended local Azure left: its script, and the logins of the Azure CLI and kubectl to it."""
    for name in ("env.sh", "kubeconfig"):
        (folder / name).unlink(missing_ok=True)
    # The Azure CLI refuses to register a cloud twice, and the tokens in there are those of a world that is gone.
    shutil.rmtree(folder / "azure", ignore_errors=True)


def _welcome(stack: LocalStack, script: Path) -> str:
    key = stack.host.host_key
    return f"""
The app runs on a local Azure of {len(list(stack.world.all_clusters()))} clusters; nothing of it is real.

  app         {stack.host.url}   key: {key}
  functions   {", ".join(stack.host.functions)}
  run one     curl -X POST -H 'x-functions-key: {stack.host.keys.master}' \\
                -d '{{"input": ""}}' {stack.host.url}/admin/functions/NAME
  Azure       {stack.azure.arm_endpoint}
  storage     {stack.azurite.endpoints[0]} (Azurite)

In another shell, for the Azure CLI, kubectl and fipswarden:

  source {script}
  az cloud register -n local --endpoint-resource-manager $LOCAL_ARM_ENDPOINT && az cloud set -n local
  az login --identity
  az aks nodepool add -g rg-payments --cluster-name aks-payments-prod -n mine -c 2
  az aks get-credentials -g rg-payments -n aks-payments-prod
  kubectl get nodes -l kubernetes.azure.com/fips_enabled=true
  fipswarden posture

Production (tag env=prod) is enforced: what you add there without FIPS has it seconds later. That is what the policy
says; it and the exemptions may be edited while the app runs, and the next look goes by them:

  {RULES["FIPSWARDEN_POLICY"]}
  {RULES["FIPSWARDEN_EXEMPTIONS"]}

Ctrl-C ends everything.
"""


if __name__ == "__main__":
    raise SystemExit(main())
