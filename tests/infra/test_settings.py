"""A new setting touches config, the sample, Bicep and the docs."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest

from shared.config import read_settings
from shared.errors import ConfigError
from tests.infra.templates import INFRA, ROOT, json_file, part

LOCAL_ONLY = frozenset({"AzureWebJobsStorage", "EVIDENCE_STORAGE"})
"""Connection strings: for Azurite; a deployment uses identities."""
HOST = frozenset(
    {
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID",
    }
)
"""What the Functions host reads, and the product does not."""
PREMIUM = frozenset(
    {
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID",
    }
)
"""Not for Flex Consumption, which has them in functionAppConfig."""


class Recording(Mapping[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values, self.asked = dict(values), set[str]()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def read_by_the_product() -> frozenset[str]:
    """Every setting that the product asks for: by reading settings, in a binding, or from the environment."""
    asked: set[str] = set()
    for values in ({}, {"SMTP_HOST": "mail"}, {"AzureWebJobsStorage": "x", "EVIDENCE_STORAGE": "x"}):
        environment = Recording(values)
        with suppress(ConfigError):
            read_settings(environment)
        asked |= environment.asked
    for file in (*(ROOT / "functions").glob("*.py"), *(ROOT / "shared").rglob("*.py")):
        text = file.read_text()
        asked |= set(re.findall(r"%([A-Z][A-Z0-9_]+)%", text))
        asked |= set(re.findall(r"""environ(?:\.get\(|\[)["'](\w+)["']""", text))
    return frozenset(asked)


def deployed(*variables: str) -> Mapping[str, object]:
    """The settings in the app module's variables and in main's productSettings."""
    declared = {**part(INFRA / "modules" / "app.bicep", "variables"), **part(INFRA / "main.bicep", "variables")}
    return {name: value for variable in variables for name, value in declared[variable]["value"].items()}


def documented() -> dict[str, list[str]]:
    """The rows of the tables of settings in docs/configuration.md."""
    text = (ROOT / "docs" / "configuration.md").read_text().partition("\n## Deployment values")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if "| `" in line]
    return {row[0].strip("`"): row for row in rows}


def test_the_product_asks_for_more_than_a_dozen_settings() -> None:
    """Guards the recorder itself: were it blind, every test below would pass."""
    asked = read_by_the_product()
    assert {"MAIL_TO", "RESYNC_SCHEDULE", "EVIDENCE_STORAGE__blobServiceUri", "FIPSWARDEN_SUBSCRIPTIONS"} <= asked
    assert len(asked) > 12


def test_the_template_sets_what_the_product_and_the_host_read_and_nothing_else() -> None:
    wanted = (read_by_the_product() | HOST) - LOCAL_ONLY
    assert set(deployed("settings", "productSettings", "premiumSettings")) == wanted


def test_flex_gets_no_setting_that_belongs_to_premium() -> None:
    assert set(deployed("premiumSettings")) == PREMIUM
    assert not PREMIUM & set(deployed("settings", "productSettings"))


def test_the_sample_holds_every_setting_of_the_product() -> None:
    values = json_file("local.settings.sample.json")["Values"]
    by_identity = {name for name in read_by_the_product() if "__" in name}
    assert set(values) == (read_by_the_product() - by_identity) | {"FUNCTIONS_WORKER_RUNTIME"}


def test_the_sample_can_be_read_as_it_is() -> None:
    settings = read_settings(json_file("local.settings.sample.json")["Values"])
    assert settings.channels.mail is None
    assert settings.app_storage.connection_string


def test_the_docs_describe_every_setting_and_no_other() -> None:
    assert set(documented()) == read_by_the_product() | HOST


@pytest.mark.parametrize("name", sorted(documented()))
def test_the_docs_give_what_unit_default_and_example(name: str) -> None:
    row = documented()[name]
    assert len(row) == 5
    assert all(row)


def test_defaults_in_docs_sample_and_template_agree() -> None:
    sample = json_file("local.settings.sample.json")["Values"]
    template = deployed("productSettings")
    defaults = {name: row[3] for name, row in documented().items()}
    named = ("RESYNC_SCHEDULE", "DAILY_SCHEDULE", "LOOK_DEADLINE_SECONDS", "OPERATION_POLL_SECONDS")
    for name in (*named, "SMTP_PORT", "SMTP_STARTTLS", "FIPSWARDEN_POLICY"):
        choice = template[name]
        assert isinstance(choice, dict)
        assert choice["operator"]["operands"]["true_value"] == sample[name]
        assert f"`{sample[name]}`" in defaults[name]


def test_without_a_deployment_value_there_are_no_exemptions() -> None:
    name = "FIPSWARDEN_EXEMPTIONS"
    assert part(INFRA / "main.bicep", "parameters")["exemptions"]["default"] == ""
    assert json_file("local.settings.sample.json")["Values"][name] == ""
    assert documented()[name][3] == "empty"
    assert json_file("infra/main.parameters.json")["parameters"]["exemptions"] == {"value": f"${{{name}}}"}


@pytest.mark.parametrize("name", ["FIPSWARDEN_POLICY", "FIPSWARDEN_EXEMPTIONS"])
def test_the_container_of_the_example_is_one_that_the_template_makes(name: str) -> None:
    container = documented()[name][4].strip("`").removeprefix("blob:").partition("/")[0]
    assert container in part(INFRA / "modules" / "app-storage.bicep", "variables")["containerNames"]["value"]


def test_every_deployment_value_is_documented_and_no_other() -> None:
    used = set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text()))
    text = (ROOT / "docs" / "configuration.md").read_text().partition("\n## Deployment values")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == used
