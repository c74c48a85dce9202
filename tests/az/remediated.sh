#!/usr/bin/env bash
# A pool that a person adds with the real Azure CLI is remediated by the running app within seconds.
#
# Starts `make local`'s stack on free ports; needs az on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=$(mktemp -d)
.venv/bin/python -m local.main --free-ports --folder "$folder" >"$folder/log" 2>&1 &
stack=$!
trap 'kill "$stack" 2>/dev/null || true; wait "$stack" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 120); do
  [[ -e "$folder/env.sh" ]] && break
  kill -0 "$stack" 2>/dev/null || { cat "$folder/log"; exit 1; }
  sleep 0.5
done
source "$folder/env.sh"
az=$(command -v az)
export PATH="$PWD/.venv/bin:$PATH" AZURE_CORE_COLLECT_TELEMETRY=0 AZURE_CORE_ONLY_SHOW_ERRORS=1

"$az" cloud register -n local --endpoint-resource-manager "$LOCAL_ARM_ENDPOINT"
"$az" cloud set -n local
"$az" login --identity --output none
group=rg-payments cluster=aks-payments-prod
"$az" aks nodepool add -g "$group" --cluster-name "$cluster" -n mine -c 2 --output none
for _ in $(seq 60); do
  fips=$("$az" aks nodepool show -g "$group" --cluster-name "$cluster" -n mine \
    --query "[enableFips, provisioningState]" -o tsv | tr '\n\t' '  ')
  [[ "${fips,,}" == "true succeeded "* ]] && break
  sleep 1
done
echo "mine: enableFips, provisioningState = $fips"
[[ "${fips,,}" == "true succeeded "* ]] || { echo "FAILED: the app has not switched FIPS on"; tail -30 "$folder/log"; exit 1; }
id=$("$az" aks show -g "$group" -n "$cluster" --query id -o tsv)
for _ in $(seq 60); do
  verdict=$(fipswarden posture "$id" | grep '^mine' || true)
  [[ "$verdict" == *" compliant "*" NodesProven "* ]] && break
  sleep 1
done
echo "$verdict"
[[ "$verdict" == *" compliant "*" NodesProven "* ]] || { echo "FAILED: it is not proven"; exit 1; }
fipswarden evidence show "$id"
echo "all is as it has to be"
