"""Finds an app's functions as Microsoft's Python worker does, so that what it would not load fails here too."""

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import azure.functions as func
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import Registry

from local.host.config import HostError, expand

# the worker's registry asks the wire protocol for these three numbers and nothing else
_PROTOCOL = SimpleNamespace(BindingInfo=SimpleNamespace(out=1, inout=2, undefined=None))


@dataclass(frozen=True)
class AppFunction:
    """One function of the app."""

    name: str
    """As the app declares it."""
    trigger: Mapping[str, Any]
    """The trigger's binding as in function.json, its settings expanded."""
    outputs: tuple[Mapping[str, Any], ...]
    """The output bindings, likewise."""
    loaded: Any
    """The worker's own FunctionInfo: the handler and the types of its parameters."""

    @property
    def kind(self) -> str:
        """The trigger's type, such as `queueTrigger`."""
        return str(self.trigger["type"])


def index(app_dir: Path, settings: Mapping[str, str]) -> tuple[AppFunction, ...]:
    """Imports `function_app.py` anew and returns its enabled functions.

    Raises HostError when there is no app, or a binding or an annotation is one that the worker refuses.
    """
    module = _import(app_dir)
    app = next((item for item in vars(module).values() if isinstance(item, func.FunctionApp)), None)
    if app is None:
        raise HostError(f"{app_dir / 'function_app.py'} has no azure.functions.FunctionApp")
    load_binding_registry()
    registry = Registry()
    return tuple(
        _load(registry, function, settings)
        for function in app.get_functions()
        if settings.get(f"AzureWebJobs.{function.get_function_name()}.Disabled", "").lower() not in ("true", "1")
    )


def forget(app_dir: Path) -> None:
    """Undoes the import of `function_app.py`, and empties every cached function of the app.

    A new worker is a new process, which has made nothing yet. The app's modules stay, since tests share them.
    """
    module = sys.modules.get("function_app")
    if module is None or module.__file__ != str(app_dir / "function_app.py"):
        return
    del sys.modules["function_app"]
    sys.path.remove(str(app_dir))
    for name, imported in list(sys.modules.items()):
        if name.partition(".")[0] != "local" and _belongs(imported, app_dir):
            for item in list(vars(imported).values()):
                if callable(getattr(item, "cache_clear", None)):
                    item.cache_clear()


def _belongs(module: ModuleType, app_dir: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(app_dir) and "site-packages" not in file


def _import(app_dir: Path) -> ModuleType:
    path = app_dir / "function_app.py"
    spec = importlib.util.spec_from_file_location("function_app", path)
    if spec is None or spec.loader is None or not path.exists():
        raise HostError(f"{path} does not exist")
    sys.path.insert(0, str(app_dir))
    module = importlib.util.module_from_spec(spec)
    sys.modules["function_app"] = module
    spec.loader.exec_module(module)
    return module


def _load(registry: Any, function: Any, settings: Mapping[str, str]) -> AppFunction:
    name = function.get_function_name()
    try:
        loaded = registry.add_indexed_function(function, _PROTOCOL)
        bindings = [_expanded(json.loads(raw), settings) for raw in function.get_raw_bindings()]
    except (HostError, RuntimeError, ValueError, TypeError) as error:
        raise HostError(f"cannot load function {name}: {error}") from error
    return AppFunction(
        name=name,
        trigger=next(binding for binding in bindings if binding["type"].endswith("Trigger")),
        outputs=tuple(binding for binding in bindings if binding["direction"] == "OUT"),
        loaded=loaded,
    )


def _expanded(binding: Mapping[str, Any], settings: Mapping[str, str]) -> Mapping[str, Any]:
    return {key: expand(value, settings) for key, value in binding.items()}
