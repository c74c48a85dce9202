"""How the command finds a deployed app's storage."""

from cli.deployment import complete

ACCOUNTS = {"FIPSWARDEN_STORAGE_ACCOUNT": "stapp", "FIPSWARDEN_EVIDENCE_ACCOUNT": "stev"}


def test_accounts_that_azd_names_become_the_settings() -> None:
    env = dict(ACCOUNTS)
    complete(env)
    assert {name: value for name, value in env.items() if name not in ACCOUNTS} == {
        "AzureWebJobsStorage__blobServiceUri": "https://stapp.blob.core.windows.net",
        "AzureWebJobsStorage__queueServiceUri": "https://stapp.queue.core.windows.net",
        "AzureWebJobsStorage__tableServiceUri": "https://stapp.table.core.windows.net",
        "EVIDENCE_STORAGE__blobServiceUri": "https://stev.blob.core.windows.net",
    }


def test_the_cloud_decides_where_they_are() -> None:
    env = {**ACCOUNTS, "FIPSWARDEN_CLOUD": "AzureUSGovernment"}
    complete(env)
    assert env["EVIDENCE_STORAGE__blobServiceUri"] == "https://stev.blob.core.usgovcloudapi.net"


def test_what_was_deployed_to_be_watched_is_watched() -> None:
    env = {"FIPSWARDEN_WATCHED": "11111111-1111-1111-1111-111111111111", "FIPSWARDEN_SUBSCRIPTIONS": ""}
    complete(env)
    assert env["FIPSWARDEN_SUBSCRIPTIONS"] == "11111111-1111-1111-1111-111111111111"


def test_subscriptions_that_somebody_named_stay() -> None:
    env = {"FIPSWARDEN_WATCHED": "11111111-1111-1111-1111-111111111111", "FIPSWARDEN_SUBSCRIPTIONS": "2222"}
    complete(env)
    assert env["FIPSWARDEN_SUBSCRIPTIONS"] == "2222"


def test_a_cloud_without_a_name_is_not_guessed() -> None:
    env = {**ACCOUNTS, "FIPSWARDEN_CLOUD": "https://localhost:8443"}
    complete(env)
    assert env == {**ACCOUNTS, "FIPSWARDEN_CLOUD": "https://localhost:8443"}


def test_settings_that_are_there_stay_as_they_are() -> None:
    given = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "EVIDENCE_STORAGE__blobServiceUri": "https://mine"}
    env = {**ACCOUNTS, **given}
    complete(env)
    assert env == {**ACCOUNTS, **given}
