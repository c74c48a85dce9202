"""`python -m local.host --app DIR --port N`: runs a function app until Ctrl-C."""

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from local import logs
from local.host import HostError, TriggerHost


def main() -> int:
    """Returns 0 after Ctrl-C or SIGTERM, 1 when the app can't run."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path(), help="folder of function_app.py (default: here)")
    parser.add_argument("--port", type=int, default=7071, help="default: 7071")
    arguments = parser.parse_args()
    logs.to_terminal()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with TriggerHost(arguments.app.resolve(), _settings(arguments.app), arguments.port) as host:
            print(f"{', '.join(host.functions)} at {host.url}, master key {host.keys.master}", flush=True)
            ended.wait()
    except (HostError, OSError) as error:
        print(f"cannot run {arguments.app}: {error}")
        return 1
    return 0


def _settings(app_dir: Path) -> dict[str, str]:
    """`Values` of local.settings.json, which the environment overrules as with `func`."""
    path = app_dir / "local.settings.json"
    values = json.loads(path.read_text()).get("Values", {}) if path.exists() else {}
    return {name: value for name, value in values.items() if name not in os.environ}


if __name__ == "__main__":
    raise SystemExit(main())
