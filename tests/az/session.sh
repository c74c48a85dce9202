#!/usr/bin/env bash
# What people type, against the local Azure: the real Azure CLI and kubectl, unmodified.
#
#   .venv/bin/python -m local.server -- tests/az/session.sh
#
# Needs az and kubectl on the PATH, and the operator's environment: LOCAL_ARM_ENDPOINT, IDENTITY_ENDPOINT,
# IDENTITY_HEADER, REQUESTS_CA_BUNDLE, and kubelogin on the PATH. It keeps to folders of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export AZURE_CONFIG_DIR="$folder/azure" KUBECONFIG="$folder/kubeconfig" HOME="$folder"
export AZURE_CORE_COLLECT_TELEMETRY=0 AZURE_CORE_ONLY_SHOW_ERRORS=1 AZURE_CORE_NO_COLOR=1
group=rg-payments cluster=aks-payments-prod passed=0

expect() { # expect <what> <wanted> <got>
  if [[ "$3" != "$2" ]]; then
    printf 'FAILED: %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3" >&2
    exit 1
  fi
  passed=$((passed + 1))
  printf 'ok: %s\n' "$1"
}
expect_like() { # expect_like <what> <pattern> <got>
  if [[ ! "$3" =~ $2 ]]; then
    printf 'FAILED: %s\n  wanted something like: %s\n  got:    %s\n' "$1" "$2" "$3" >&2
    exit 1
  fi
  passed=$((passed + 1))
  printf 'ok: %s\n' "$1"
}
refused() { # refused <command...>: its error on standard output; fails if the command succeeds
  local said
  if said=$("$@" 2>&1 >/dev/null); then echo "it was not refused"; else echo "$said"; fi
}
pool() { # pool <query> <name>
  az aks nodepool show -g "$group" --cluster-name "$cluster" -n "$2" --query "$1" -o tsv
}
add() { az aks nodepool add -g "$group" --cluster-name "$cluster" -c 1 "$@" --query provisioningState -o tsv; }
update() { az aks nodepool update -g "$group" --cluster-name "$cluster" "$@" --query provisioningState -o tsv; }

az cloud register -n local --endpoint-resource-manager "$LOCAL_ARM_ENDPOINT"
az cloud set -n local
az login --identity --output none
expect "login finds the subscriptions" $'Payments\nPlatform\nResearch' "$(az account list --query '[].name' -o tsv)"

expect "aks list shows the subscription's clusters" \
  $'aks-cards-prod\naks-ledger-prod\naks-payments-prod' "$(az aks list --query 'sort([].name)' -o tsv)"
expect_like "the command judges what aks list prints" '^8 node pools: ' \
  "$(az aks list -o json | "$(dirname "${BASH_SOURCE[0]}")/../../.venv/bin/fipswarden" check --from - | tail -n 1)"
expect "aks list of a group shows the group's clusters" \
  $'aks-cards-prod' "$(az aks list -g rg-cards --query '[].name' -o tsv)"
expect "aks show tells of each pool whether FIPS is on" \
  $'Name    EnableFips\n------  ------------\nsystem  True\napps    True' \
  "$(az aks show -g "$group" -n "$cluster" --query 'agentPoolProfiles[].{Name:name enableFips:enableFips}' -o table | sed 's/ *$//')"

expect "a pool can be added without FIPS" Succeeded "$(add -n plain --labels team=web)"
expect "it has FIPS off" false "$(pool enableFips plain)"
expect_like "it runs an image without FIPS" '^AKSUbuntu-2204gen2containerd-' "$(pool nodeImageVersion plain)"

echo "authorised use only" >"$folder/motd"
expect "a pool can be added with FIPS and a message of the day" Succeeded \
  "$(add -n fips --enable-fips-image --message-of-the-day "$folder/motd")"
expect "it has FIPS on" true "$(pool enableFips fips)"
expect_like "it runs a FIPS image" '^AKSUbuntu-2004gen2fipscontainerd-' "$(pool nodeImageVersion fips)"
expect "the message of the day is stored" "$(base64 -w0 "$folder/motd")" "$(pool messageOfTheDay fips)"

expect "a Windows pool can be added" Succeeded "$(add -n win22 --os-type Windows)"
expect_like "its image doesn't say FIPS" '^AKSWindows-2022-containerd-' "$(pool nodeImageVersion win22)"
expect_like "a Windows pool's FIPS can't be updated" 'existing Windows agent pool' \
  "$(refused update -n win22 --enable-fips-image)"
expect_like "Ubuntu 24.04 can't have FIPS" 'Ubuntu 24.04 does not support FIPS' \
  "$(refused add -n noble --os-sku Ubuntu2404 --enable-fips-image)"

expect "FIPS can be switched on in place" Succeeded "$(update -n plain --enable-fips-image)"
expect "then it is on" true "$(pool enableFips plain)"
expect "and the pool's labels are still there" web "$(pool nodeLabels.team plain)"
expect_like "and its image is a FIPS image" 'fips' "$(pool nodeImageVersion plain)"
expect "FIPS can be switched off in place" Succeeded "$(update -n plain --disable-fips-image)"
expect "then it is off" false "$(pool enableFips plain)"
expect_like "a stale eTag is refused" 'PreConditionFailed' \
  "$(refused update -n plain --enable-fips-image --if-match 00000000-0000-0000-0000-000000000000)"

az aks nodepool update -g "$group" --cluster-name "$cluster" -n plain --enable-fips-image --no-wait --output none
expect_like "while one operation runs the next is refused" 'OperationNotAllowed.*\(plain - Upgrading\)' \
  "$(refused update -n fips --disable-fips-image)"
az aks nodepool wait -g "$group" --cluster-name "$cluster" -n plain --updated --interval 1

expect "nodepool list shows all pools" $'apps\nfips\nplain\nsystem\nwin22' \
  "$(az aks nodepool list -g "$group" --cluster-name "$cluster" --query 'sort([].name)' -o tsv)"
az aks nodepool delete -g "$group" --cluster-name "$cluster" -n win22 --output none
expect "a deleted pool is gone" $'apps\nfips\nplain\nsystem' \
  "$(az aks nodepool list -g "$group" --cluster-name "$cluster" --query 'sort([].name)' -o tsv)"
expect_like "and not found any more" 'Could not find the agentpool' "$(refused pool name win22)"

windows() { az aks maintenanceconfiguration "$1" -g "$group" --cluster-name "$cluster" "${@:2}"; }
windows add -n aksManagedNodeOSUpgradeSchedule --schedule-type RelativeMonthly --interval-months 2 --week-index Last \
  --day-of-week Friday --duration 8 --utc-offset +05:30 --start-date 2030-01-16 --start-time 09:30 --output none
windows add -n default --schedule-type Weekly --day-of-week Monday --duration 4 --start-time 01:00 --output none
expect "maintenance windows can be added" $'aksManagedNodeOSUpgradeSchedule\t2030-01-16\tLast\ndefault\t'"$(date -u +%F)"$'\tNone' \
  "$(windows list --query '[].[name, maintenanceWindow.startDate, maintenanceWindow.schedule.relativeMonthly.weekIndex]' -o tsv)"
windows delete -n default
expect "and taken away" aksManagedNodeOSUpgradeSchedule "$(windows list --query '[].name' -o tsv)"

az aks get-credentials -g "$group" -n "$cluster" --output none
expect "get-credentials writes the kubeconfig that is named" "$cluster" "$(kubectl config current-context)"
fips_nodes=$(kubectl get nodes -l kubernetes.azure.com/fips_enabled=true -o jsonpath='{.items[*].metadata.name}')
expect "every node of this cluster has the FIPS label" 8 "$(wc -w <<<"$fips_nodes")"
table=$(kubectl get nodes -l agentpool=plain)
expect_like "kubectl prints its columns" '^NAME +STATUS +ROLES +AGE +VERSION' "$table"
expect_like "and the pool's node" 'aks-plain-[0-9]{8}-vmss[0-9a-z]{6} +Ready ' "$table"
expect_like "wide output has the image of the OS" 'Ubuntu 20\.04.*azure-fips' "$(kubectl get nodes -l agentpool=plain -o wide)"

az aks get-credentials -g "$group" -n "$cluster" --admin --output none
expect_like "the administrator's kubeconfig has no plugin" 'clusterAdmin' "$(kubectl config view --minify -o jsonpath='{.users[0].name}')"
expect "and works" 8 "$(kubectl get nodes --no-headers | wc -l)"

probed=$(sed -n 's/^Creating debugging pod \([^ ]*\) with.*/\1/p' \
  <<<"$(kubectl debug "node/${fips_nodes%% *}" --image=busybox -- cat /proc/sys/crypto/fips_enabled 2>&1)")
kubectl wait --for=jsonpath='{.status.phase}'=Succeeded "pod/$probed" --timeout=20s >/dev/null
expect "kubectl debug reads a node's kernel" 1 "$(kubectl logs "$probed")"
expect_like "kubectl prints pods with their columns" 'NAME +READY +STATUS +RESTARTS +AGE.*0/1 +Completed' "$(kubectl get pods)"
kubectl delete pod "$probed" >/dev/null
expect "and removes them" "" "$(kubectl get pods --no-headers 2>/dev/null)"
expect_like "all workloads are seen" 'NAMESPACE +NAME.*shop +storefront-[^ ]+ +1/1 +Running' "$(kubectl get pods -A)"
expect_like "budgets say what they allow" 'NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS.*storefront +N/A +1 +1 ' \
  "$(kubectl get pdb -n shop)"
expect_like "namespaces are listed" 'kube-system +Active.*shop +Active' "$(kubectl get ns)"
busy=$(kubectl get pods -n shop -o jsonpath='{.items[0].spec.nodeName}')
expect_like "a node is drained" "node/$busy drained" \
  "$(kubectl drain "$busy" --ignore-daemonsets --force --delete-emptydir-data 2>/dev/null)"
expect "nothing of it is lost" 3 "$(kubectl get pods -n shop --no-headers | wc -l)"
expect "and nothing is left there" "" \
  "$(kubectl get pods -n shop --field-selector "spec.nodeName=$busy" --no-headers 2>/dev/null)"
expect "a node is uncordoned" "node/$busy uncordoned" "$(kubectl uncordon "$busy")"
kubectl create namespace strict >/dev/null
kubectl label namespace strict pod-security.kubernetes.io/enforce=restricted >/dev/null
expect_like "a restricted namespace refuses what breaks its profile" 'violates PodSecurity "restricted:latest"' \
  "$(refused kubectl run -n strict bad --image=busybox)"
kubectl delete namespace strict >/dev/null
expect "a namespace can be deleted" "" "$(kubectl get ns strict --ignore-not-found)"
az aks get-credentials -g rg-dev -n aks-build-dev --subscription Platform --admin --output none
expect_like "volumes are listed" 'pv-cache +100Gi +RWX +Retain +Bound +ci/cache +azurefile-csi' "$(kubectl get pv)"
expect_like "and claims" 'cache +Bound +pv-cache' "$(kubectl get pvc -n ci)"
expect "nodes of no pool are listed" 2 "$(kubectl get nodes -l 'karpenter.sh/nodepool,!agentpool' --no-headers | wc -l)"
run() { az aks command invoke -g "$group" -n "$1" -c "$2" "${@:3}" --query '[provisioningState, exitCode, logs]' -o json | tr -d '\n'; }
expect_like "run command shows the nodes of an Entra cluster" 'Succeeded",  0,.*NAME +STATUS.*aks-plain-' "$(run "$cluster" 'kubectl get nodes')"
expect_like "run command tells kubectl's errors and exit code" 'Succeeded",  1,.*nodes .+gone.+ not found' "$(run "$cluster" 'kubectl get node gone')"
(cd "$folder" && echo '{}' >one.json && echo '{}' >two.json)
expect_like "run command has the files that were sent along" '0,.*\{\}.*\{\}' \
  "$(cd "$folder" && run "$cluster" 'for f in *.json; do cat "$f"; done' --file one.json --file two.json)"
expect_like "run command reaches a private cluster" '0,.*node/aks-system-' "$(az aks command invoke --subscription Platform \
  -g rg-platform -n aks-hidden-prod -c 'kubectl get nodes -o name' --query '[exitCode, logs]' -o json | tr -d '\n')"
az aks get-credentials --subscription Platform -g rg-platform -n aks-hidden-prod --output none
expect_like "and kubectl doesn't" 'no such host|server misbehaving|lookup' "$(refused kubectl get nodes --request-timeout 5s)"

expect "machine list has the nodes' names" "$(kubectl config use-context "$cluster" >/dev/null; kubectl get nodes -l agentpool=apps -o jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}')" \
  "$(az aks machine list -g "$group" --cluster-name "$cluster" --nodepool-name apps --query 'sort([].name)' -o tsv)"
az aks nodepool update -g "$group" --cluster-name "$cluster" -n plain --disable-fips-image --no-wait --output none
az aks nodepool operation-abort -g "$group" --cluster-name "$cluster" -n plain --output none
expect "an operation of a pool can be aborted" Canceled "$(pool provisioningState plain)"
expect_like "but not twice" 'OperationNotAllowed' \
  "$(refused az aks nodepool operation-abort -g "$group" --cluster-name "$cluster" -n plain)"
# A stop takes two seconds here, and the CLI may take longer to start: then the cluster is started, for another try.
for _ in 1 2 3 4 5; do
  az aks stop -g "$group" -n "$cluster" --no-wait --output none
  az aks operation-abort -g "$group" -n "$cluster" --output none && break
  az aks start -g "$group" -n "$cluster" --output none
done
expect "an operation of a cluster can be aborted" $'Canceled\tRunning' \
  "$(az aks show -g "$group" -n "$cluster" --query '[provisioningState, powerState.code]' -o tsv | paste -s)"

az group create -n rg-new -l westeurope --output none
expect "a cluster can be created with FIPS" Succeeded "$(az aks create -g rg-new -n aks-new --enable-fips-image \
  --node-count 2 --generate-ssh-keys --query provisioningState -o tsv)"
expect "its pool has FIPS on" $'nodepool1\tTrue' \
  "$(az aks show -g rg-new -n aks-new --query 'agentPoolProfiles[].[name, enableFips]' -o tsv)"
az aks get-credentials -g rg-new -n aks-new --output none
expect "its nodes have the label" 2 \
  "$(kubectl get nodes -l kubernetes.azure.com/fips_enabled=true --no-headers | wc -l)"
az aks delete -g rg-new -n aks-new --yes --output none
expect "a deleted cluster is gone" 0 "$(az aks list -g rg-new --query 'length(@)' -o tsv)"
expect_like "and not found any more" 'ResourceNotFound' "$(refused az aks show -g rg-new -n aks-new)"

echo "$passed checks passed"
