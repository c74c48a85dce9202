"""What an import brings along: a cold start of the event path loads next to nothing, and no SDK before its use."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    *("azure.mgmt", "azure.identity", "azure.storage", "azure.data", "azure.core", "azure.eventgrid", "azure.keyvault"),
    *("kubernetes", "msal", "requests", "aiohttp"),
)


def loaded_by(code: str) -> frozenset[str]:
    """The names of all modules that are there after some code ran in an interpreter of its own."""
    run = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def below(names: frozenset[str], *packages: str) -> list[str]:
    return sorted(name for name in names if any(name == one or name.startswith(f"{one}.") for one in packages))


@pytest.fixture(scope="module")
def app() -> frozenset[str]:
    """What a start of the whole app loads."""
    return loaded_by("import function_app")


def test_an_event_is_read_without_any_sdk_yaml_or_settings() -> None:
    loaded = loaded_by("import functions.pool_events")

    assert "shared.domain.events" in loaded
    assert not below(loaded, *HEAVY, "yaml")
    assert below(loaded, "shared") == [
        "shared",
        "shared.domain",
        "shared.domain.events",
        "shared.domain.ids",
        "shared.domain.requests",
        "shared.errors",
        "shared.logs",
    ]
    others = [name for name in below(loaded, "azure") if name != "azure" and not name.startswith("azure.functions")]
    assert others == []


def test_the_app_starts_without_any_sdk(app: frozenset[str]) -> None:
    assert "functions.reconcile" in app
    assert not below(app, *HEAVY)


def test_the_app_starts_without_its_settings(app: frozenset[str]) -> None:
    """A fault of the settings shows on the health page; a start that fails shows nothing."""
    assert "shared.bootstrap" not in app


def test_checking_a_policy_on_the_command_line_loads_no_sdk() -> None:
    loaded = loaded_by("from cli.main import main\nmain(['policy', 'validate', 'policy.yaml'])")

    assert "shared.domain.policy" in loaded
    assert not below(loaded, *HEAVY)


def test_the_domain_loads_nothing_but_itself_and_yaml() -> None:
    names = sorted(path.stem for path in (ROOT / "shared" / "domain").glob("*.py") if path.stem != "__init__")
    loaded = loaded_by("\n".join(f"import shared.domain.{name}" for name in names))

    assert [name for name in below(loaded, "shared") if not name.startswith("shared.domain")] == [
        "shared",
        "shared.errors",
    ]
    assert not below(loaded, *HEAVY, "azure")
