"""Where a deployed app is and what it looks after: from its settings, or from what `azd env get-values` prints."""

import re
from collections.abc import Mapping, MutableMapping

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


def storage_setting(said: str, env: Mapping[str, str]) -> str:
    """Return the setting that names the storage which an error is about, by its host; empty if it is about none."""
    for name, value in env.items():
        if name.partition("__")[0] in ("AzureWebJobsStorage", "EVIDENCE_STORAGE"):
            hosts = re.findall(r"https?://([^/:;]+)", value) or re.findall(r"AccountName=([^;]+)", value)
            if any(re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", said) for host in hosts):
                return name
    return ""


def complete(env: MutableMapping[str, str]) -> None:
    """Fill in the settings that are missing where azd's outputs tell them: the accounts and what is watched."""
    watched = env.get("FIPSWARDEN_WATCHED")
    # azd's own value of that name is what a person asked for: empty means the subscription deployed to.
    if watched and not env.get("FIPSWARDEN_SUBSCRIPTIONS"):
        env["FIPSWARDEN_SUBSCRIPTIONS"] = watched
    suffix = _SUFFIXES.get(env.get("FIPSWARDEN_CLOUD", "AzureCloud"))
    for output, (setting, services) in _ACCOUNTS.items():
        account = env.get(output)
        if account and suffix and setting not in env:
            for service in services:
                env.setdefault(f"{setting}__{service}ServiceUri", f"https://{account}.{service}.{suffix}")
