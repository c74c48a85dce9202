# Subscribes the function pool_events to the events of every watched subscription. azd runs this after each
# deployment with its environment's values as variables; running it again changes nothing.
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

function Read-Value([string] $Name, [string] $Default = '') {
    $value = [Environment]::GetEnvironmentVariable($Name)
    if (-not $value) { $value = $Default }
    if (-not $value) { throw "$Name is not set: run this as azd's hook, or after 'azd env get-values'." }
    $value
}

if ((Read-Value 'FIPSWARDEN_EVENTS' 'true') -eq 'false') {
    Write-Host 'FIPSWARDEN_EVENTS is false: no event subscriptions; changes are found by the resync alone.'
    exit 0
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    throw 'The Azure CLI (az) is needed to create the event subscriptions.'
}

az deployment sub create `
    --name "fipswarden-events-$(Read-Value 'AZURE_ENV_NAME')" `
    --subscription (Read-Value 'AZURE_SUBSCRIPTION_ID') `
    --location (Read-Value 'AZURE_LOCATION') `
    --template-file infra/events.bicep `
    --parameters `
        "watched=$(Read-Value 'FIPSWARDEN_WATCHED')" `
        "functionAppId=$(Read-Value 'FIPSWARDEN_FUNCTION_APP_ID')" `
        "eventsResourceGroupName=$(Read-Value 'FIPSWARDEN_EVENTS_RESOURCE_GROUP')" `
        "systemTopicName=$(Read-Value 'FIPSWARDEN_SYSTEM_TOPIC')" `
        "deadLetters=$(Read-Value 'FIPSWARDEN_DEAD_LETTERS' 'true')" `
        "deadLetterAccountId=$(Read-Value 'FIPSWARDEN_DEAD_LETTER_ACCOUNT_ID')" `
        "deadLetterContainer=$(Read-Value 'FIPSWARDEN_DEAD_LETTER_CONTAINER')" `
        "identityId=$(Read-Value 'FIPSWARDEN_EVENTS_IDENTITY_ID')" `
    --output none
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
Write-Host "Event subscriptions are in place for: $(Read-Value 'FIPSWARDEN_WATCHED')"
