#!/bin/sh
# Subscribes the function pool_events to the events of every watched subscription. azd runs this after each
# deployment with its environment's values as variables; running it again changes nothing.
set -eu

if [ "${FIPSWARDEN_EVENTS:-true}" = false ]; then
  echo "FIPSWARDEN_EVENTS is false: no event subscriptions; changes are found by the resync alone."
  exit 0
fi
command -v az >/dev/null || { echo "The Azure CLI (az) is needed to create the event subscriptions." >&2; exit 1; }

az deployment sub create \
  --name "fipswarden-events-${AZURE_ENV_NAME:?}" \
  --subscription "${AZURE_SUBSCRIPTION_ID:?}" \
  --location "${AZURE_LOCATION:?}" \
  --template-file infra/events.bicep \
  --parameters \
    "watched=${FIPSWARDEN_WATCHED:?}" \
    "functionAppId=${FIPSWARDEN_FUNCTION_APP_ID:?}" \
    "eventsResourceGroupName=${FIPSWARDEN_EVENTS_RESOURCE_GROUP:?}" \
    "systemTopicName=${FIPSWARDEN_SYSTEM_TOPIC:?}" \
    "deadLetters=${FIPSWARDEN_DEAD_LETTERS:-true}" \
    "deadLetterAccountId=${FIPSWARDEN_DEAD_LETTER_ACCOUNT_ID:?}" \
    "deadLetterContainer=${FIPSWARDEN_DEAD_LETTER_CONTAINER:?}" \
    "identityId=${FIPSWARDEN_EVENTS_IDENTITY_ID:?}" \
  --output none
echo "Event subscriptions are in place for: $FIPSWARDEN_WATCHED"
