"""The templates hold together, and keep what docs/security.md says of them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.world.vault import KEY_BITS
from local.world.vault import NAME as KEY_NAME
from shared.domain.clouds import CLOUDS
from shared.domain.protection import LEAST_DAYS
from tests.infra.templates import FILES, INFRA, ROOT, accessed, config_of, json_file, parsed, part, resources, strings

MAIN = INFRA / "main.bicep"
UNIQUE_STRING = 13
"""Characters that uniqueString() gives."""


def modules() -> Iterator[tuple[Path, str, Path, dict[str, object]]]:
    """Yield every use of a module: the file, the module's name there, its own file, its arguments."""
    for file in FILES:
        for name, declaration in part(file, "modules").items():
            config, _ = config_of(declaration)
            yield file, name, (file.parent / declaration["detail"]["path"]).resolve(), dict(config["params"])


def without_comments(text: str) -> str:
    """Return a template or script without its whole-line comments."""
    return re.sub(r"(?m)^\s*(//|#).*$", "", text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_template_can_be_parsed(file: Path) -> None:
    assert parsed(file)["resources" if file.parent.name == "modules" else "modules"]


def test_there_are_templates() -> None:
    assert len(FILES) > 10


def test_every_module_exists_and_is_used() -> None:
    used = {path for _, _, path, _ in modules()}
    assert used == set((INFRA / "modules").glob("*.bicep"))


def test_a_module_gets_every_parameter_that_it_needs_and_no_other() -> None:
    for file, name, path, arguments in modules():
        declared = part(path, "parameters")
        needed = {each for each, declaration in declared.items() if declaration["default"] is None}
        assert needed <= set(arguments) <= set(declared), f"{file.name}: {name}"


def test_every_output_of_a_module_that_is_used_exists() -> None:
    seen = 0
    for file in FILES:
        paths = {
            name: (file.parent / declaration["detail"]["path"]).resolve()
            for name, declaration in part(file, "modules").items()
        }
        for path in accessed(parsed(file)):
            if len(path) > 2 and path[1] == "outputs":
                seen += 1
                assert path[2] in part(paths[path[0]], "outputs"), f"{file.name}: {'.'.join(path)}"
    assert seen > 20


def test_every_parameter_and_variable_is_used() -> None:
    for file in FILES:
        text = file.read_text()
        for kind, keyword in (("parameters", "param"), ("variables", "var")):
            for name in part(file, kind):
                others = re.sub(rf"(?m)^{keyword} {name}\b|^\s*//.*$|^\s+{name}:", "", text)
                uses = re.findall(rf"\b{name}\b", others)
                assert uses, f"{file.name}: {keyword} {name}"


def test_every_json_file_that_a_template_loads_exists_and_has_what_is_taken_from_it() -> None:
    for file in FILES:
        for name, declaration in part(file, "variables").items():
            value = declaration["value"]
            if isinstance(value, dict) and value.get("function", {}).get("type") == "load_json_content":
                content = json.loads((file.parent / value["function"]["parameters"]["file_path"]).read_text())
                taken = {path[1] for path in accessed(parsed(file)) if path[0] == name}
                taken |= set(re.findall(rf"\${{{name}\.(\w+)}}", file.read_text()))
                assert taken
                assert taken <= set(content), f"{file.name}: {name}"


def test_the_parameters_file_and_the_template_name_the_same_parameters() -> None:
    given = json_file("infra/main.parameters.json")["parameters"]
    assert set(given) == set(part(MAIN, "parameters"))


def test_a_parameter_that_is_not_text_has_a_default_in_the_parameters_file() -> None:
    """An unset variable becomes empty text, which is no number, no boolean and no allowed value."""
    given = json_file("infra/main.parameters.json")["parameters"]
    for name, declaration in part(MAIN, "parameters").items():
        limited = any(decorator["type"] == "allowed" for decorator in declaration["decorators"])
        if declaration["type"] != "string" or limited:
            default = re.fullmatch(r"\$\{\w+=(.+)\}", given[name]["value"])
            assert default, name
            assert default[1] == str(declaration["default"]).replace("True", "true").replace("False", "false")


def test_outputs_of_main_are_upper_snake() -> None:
    names = part(MAIN, "outputs")
    assert names
    assert not [name for name in names if not re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", name)]


def test_the_command_finds_a_deployed_app_in_its_cloud_by_what_main_puts_out() -> None:
    names = set(re.findall(r"\bFIPSWARDEN_[A-Z_]+\b", (ROOT / "cli" / "deployment.py").read_text()))
    chosen = set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text()))
    outputs = set(part(MAIN, "outputs"))
    assert names <= outputs | chosen
    assert {"FIPSWARDEN_CLOUD", "FIPSWARDEN_WATCHED"} <= names & outputs


@pytest.mark.parametrize("hook", ["postdeploy.sh", "postdeploy.ps1"])
def test_the_hook_gives_events_bicep_what_it_needs_from_what_main_puts_out(hook: str) -> None:
    text = (INFRA / "hooks" / hook).read_text()
    given = set(re.findall(r'"(\w+)=\$', text))
    assert given == set(part(INFRA / "events.bicep", "parameters"))
    values = set(re.findall(r"\b((?:AZURE|FIPSWARDEN)_[A-Z_]+)\b", text))
    chosen = set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text()))
    assert values <= set(part(MAIN, "outputs")) | chosen | {"AZURE_SUBSCRIPTION_ID"}


def test_both_hooks_read_the_same_values() -> None:
    one, two = (
        set(re.findall(r"\b((?:AZURE|FIPSWARDEN)_[A-Z_]+)\b", (INFRA / "hooks" / name).read_text()))
        for name in ("postdeploy.sh", "postdeploy.ps1")
    )
    assert one == two


@pytest.mark.parametrize("script", ["infra/hooks/postdeploy.sh", "infra/hooks/publish-package.sh", ".ci/run"])
def test_a_script_is_executable_and_has_no_syntax_error(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_azd_runs_the_hooks_for_a_function_in_python() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert project["services"]["app"] | {"host": "function", "language": "python"} == project["services"]["app"]
    hooks = project["hooks"]["postdeploy"]
    assert all((ROOT / hooks[system]["run"]).is_file() for system in ("posix", "windows"))
    assert "'azd-service-name': 'app'" in (INFRA / "modules" / "app.bicep").read_text()


def test_storage_takes_no_key_no_anonymous_and_no_old_tls() -> None:
    accounts = list(resources("Microsoft.Storage/storageAccounts"))
    assert len(accounts) == 2
    for account in accounts:
        assert account.properties["allowSharedKeyAccess"] is False
        assert account.properties["allowBlobPublicAccess"] is False
        assert account.properties["supportsHttpsTrafficOnly"] is True
        assert account.properties["minimumTlsVersion"] == "TLS1_2"
        assert account.properties["allowCrossTenantReplication"] is False


def test_no_container_is_public() -> None:
    found = [
        each for each in resources("Microsoft.Storage/storageAccounts/blobServices/containers") if not each.existing
    ]
    assert len(found) == 3
    assert {each.properties["publicAccess"] for each in found} == {"None"}


def test_what_can_turn_keys_off_does() -> None:
    for kind, switch in (
        ("Microsoft.Insights/components", "DisableLocalAuth"),
        ("Microsoft.EventGrid/topics", "disableLocalAuth"),
    ):
        found = list(resources(kind))
        assert found
        assert all(each.properties[switch] is True for each in found)
    basic = list(resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies"))
    assert {each.config["name"]: each.properties["allow"] for each in basic} == {"ftp": False, "scm": False}


def test_no_template_reads_a_key_or_holds_a_secret() -> None:
    forbidden = re.compile(r"list_?keys|listAccountSas|AccountKey=|SharedAccessKey|password|[?&]sig=", re.IGNORECASE)
    for file in FILES:
        assert not [text for text in strings(parsed(file)) if forbidden.search(text)], file.name
        assert not forbidden.search(without_comments(file.read_text())), file.name


def test_the_web_app_wants_https_and_tls_1_2() -> None:
    (site,) = resources("Microsoft.Web/sites")
    assert site.properties["httpsOnly"] is True
    variables = part(site.file, "variables")
    for name in ("flexSiteConfig", "premiumSiteConfig"):
        assert variables[name]["value"]["minTlsVersion"] == "1.2"


def test_evidence_is_kept_by_a_policy_that_is_unlocked_until_a_person_locks_it() -> None:
    policies = list(resources("Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"))
    assert {policy.config["parent"] for policy in policies} == {"evidence", "snapshots"}
    for policy in policies:
        assert policy.properties["immutabilityPeriodSinceCreationInDays"] == "retentionInDays"
        assert policy.properties["allowProtectedAppendWrites"] is False
        assert policy.conditional
    parameters = part(MAIN, "parameters")
    assert parameters["evidencePolicyLocked"]["default"] is False
    assert parameters["evidenceRetentionDays"]["default"] >= LEAST_DAYS


def test_the_key_of_the_manifests_can_neither_leave_its_vault_nor_be_purged() -> None:
    (vault,) = (each for each in resources("Microsoft.KeyVault/vaults") if not each.existing)
    assert vault.properties["enableRbacAuthorization"] is True
    assert vault.properties["enablePurgeProtection"] is True
    assert vault.properties["enableSoftDelete"] is True
    (key,) = resources("Microsoft.KeyVault/vaults/keys")
    assert key.properties["keySize"] == KEY_BITS
    assert key.properties["keyOps"] == ["sign", "verify"]
    assert key.properties["attributes"] == {"enabled": True, "exportable": False}
    assert key.config["name"] == KEY_NAME, "the local Azure has it too"


def test_the_app_may_sign_and_no_more_and_at_that_key_alone() -> None:
    file = INFRA / "modules" / "manifest-key.bicep"
    (given,) = (each for each in resources("Microsoft.Authorization/roleAssignments") if each.file == file)
    assert given.config["scope"] == "key"
    assert given.properties["roleDefinitionId"]["function"]["parameters"]["resource_name_1"] == "signerRoleName"
    assert "built-in-roles" not in file.read_text()


def test_the_vaults_name_fits() -> None:
    config, _ = config_of(part(MAIN, "modules")["manifestKey"])
    prefix = json_file("infra/abbreviations.json")["keyVaultVaults"]
    name = config["params"]["vaultName"].replace("${abbreviations.keyVaultVaults}", prefix)
    longest = name.replace("${token}", "x" * UNIQUE_STRING)
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,22}[a-z0-9]", longest)


def test_names_of_storage_accounts_fit() -> None:
    prefix = json_file("infra/abbreviations.json")["storageStorageAccounts"]
    variables = part(MAIN, "variables")
    for name in ("storageName", "evidenceName"):
        pattern = variables[name]["value"]
        longest = pattern.replace("${abbreviations.storageStorageAccounts}", prefix).replace(
            "${token}", "x" * UNIQUE_STRING
        )
        assert re.fullmatch(r"[a-z0-9]{3,24}", longest)


def test_the_apps_name_leaves_no_two_apps_with_one_host_id() -> None:
    """The host's id is the first 32 characters of the app's name (azure-docs: storage-considerations.md)."""
    config, _ = config_of(part(MAIN, "modules")["app"])
    name = config["params"]["appName"]
    prefix = json_file("infra/abbreviations.json")["webSitesFunctions"]
    expanded = name.replace("${abbreviations.webSitesFunctions}", prefix).replace("${token}", "x" * UNIQUE_STRING)
    assert "$" not in expanded
    assert len(expanded) <= 32


def test_every_abbreviation_is_used() -> None:
    text = MAIN.read_text()
    assert all(f"abbreviations.{name}" in text for name in json_file("infra/abbreviations.json"))


def test_every_queue_table_and_container_that_the_code_names_is_deployed() -> None:
    code = "\n".join(
        path.read_text() for folder in ("functions", "shared") for path in sorted((ROOT / folder).rglob("*.py"))
    )
    variables = part(INFRA / "modules" / "app-storage.bicep", "variables")
    queues = set(re.findall(r'queue_name="([^"]+)"', code)) | set(re.findall(r'_Queue\([^)"]*"([^"]+)"\)', code))
    tables = set(re.findall(r'\btable\("([^"]+)"\)', code))
    containers = set(re.findall(r'container: str = "([^"]+)"', code))
    assert {"reconcile", "alerts"} <= queues <= set(variables["queueNames"]["value"])
    assert {"rollout", "posture"} <= tables <= set(variables["tableNames"]["value"])
    evidence = (INFRA / "modules" / "evidence-storage.bicep").read_text()
    assert containers
    assert all(f"name: '{name}'" in evidence for name in containers)


def test_events_go_to_the_function_that_exists_and_only_of_kinds_that_it_reads() -> None:
    (subscription,) = resources("Microsoft.EventGrid/systemTopics/eventSubscriptions")
    config, _ = config_of(part(INFRA / "events.bicep", "modules")["eventSubscriptions"])
    function = config["params"]["functionId"].rsplit("/", 1)[-1]
    assert f'@bp.function_name("{function}")' in (ROOT / "functions" / "pool_events.py").read_text()
    code = (ROOT / "shared" / "domain" / "events.py").read_text()
    assert all(f'"{kind}"' in code for kind in subscription.properties["filter"]["includedEventTypes"])


def test_the_cloud_is_the_one_deployed_to_and_one_that_the_product_knows() -> None:
    setting = part(INFRA / "modules" / "app.bicep", "variables")["settings"]["value"]["FIPSWARDEN_CLOUD"]
    assert list(accessed(setting)) or "environment" in json.dumps(setting)
    assert set(CLOUDS) == {"AzureCloud", "AzureUSGovernment", "AzureChinaCloud"}


def test_no_host_of_the_public_cloud_is_written_down() -> None:
    hosts = re.compile(r"\.(windows\.net|azure\.com|azure\.net|azurewebsites\.net)\b")
    for file in (*FILES, *(INFRA / "hooks").iterdir()):
        assert not hosts.search(without_comments(file.read_text())), file.name


def test_what_is_deployed_is_the_app_and_nothing_else(tmp_path: Path) -> None:
    """.funcignore has the syntax of .gitignore, so git itself says what it leaves."""
    top = sorted({path.name for path in ROOT.iterdir()} | {".venv", "local.settings.json", "node_modules"})
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".funcignore", tmp_path / ".gitignore")
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *top], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout.split()
    shipped = {name for name in top if name not in ignored}
    assert shipped == {"function_app.py", "host.json", "policy.yaml", "requirements.txt", "functions", "shared"}
