"""Where a deployed app is and what it looks after: from its settings, or from what `azd env get-values` prints."""

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
