"""Where a deployed app's storage is: from the settings themselves, or from what `azd env get-values` prints."""

from collections.abc import MutableMapping

_ACCOUNTS = {
    "FIPSWARDEN_STORAGE_ACCOUNT": ("AzureWebJobsStorage", ("blob", "queue", "table")),
    "FIPSWARDEN_EVIDENCE_ACCOUNT": ("EVIDENCE_STORAGE", ("blob",)),
}
# `suffixes.storage` of each cloud (Azure CLI, `az cloud show`).
_SUFFIXES = {
    "AzureCloud": "core.windows.net",
    "AzureUSGovernment": "core.usgovcloudapi.net",
    "AzureChinaCloud": "core.chinacloudapi.cn",
}
HINT = "for a deployed app: eval \"$(azd env get-values | sed 's/^/export /')\""
"""What to do when the settings are missing."""


def complete(env: MutableMapping[str, str]) -> None:
    """Fill in the storage settings that are missing where azd's outputs name the accounts."""
    suffix = _SUFFIXES.get(env.get("FIPSWARDEN_CLOUD", "AzureCloud"))
    for output, (setting, services) in _ACCOUNTS.items():
        account = env.get(output)
        if account and suffix and setting not in env:
            for service in services:
                env.setdefault(f"{setting}__{service}ServiceUri", f"https://{account}.{service}.{suffix}")
