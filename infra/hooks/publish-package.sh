#!/usr/bin/env bash
# Deploys the code to a premium plan: it runs from a package in a container, since Azure Files would need an
# account key. In place of `azd deploy`: azd provision && infra/hooks/publish-package.sh && infra/hooks/postdeploy.sh
# Needs az (signed in, with Storage Blob Data Contributor on the app's account) and Python of the app's version on
# Linux x86-64, since the packages of requirements.txt are built here.
set -euo pipefail
cd "$(dirname "$0")/../.."

while IFS='=' read -r name value; do
  value=${value#\"}
  export "$name=${value%\"}"
done < <(azd env get-values)

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# what runs, as committed
git archive HEAD function_app.py host.json policy.yaml requirements.txt functions shared | tar -x -C "$build"
python3 -m pip install --quiet --target "$build/.python_packages/lib/site-packages" --requirement requirements.txt
(cd "$build" && python3 -m zipfile -c app.zip function_app.py host.json policy.yaml requirements.txt functions shared .python_packages)

az storage blob upload --auth-mode login --overwrite --only-show-errors --output none \
  --blob-url "${FIPSWARDEN_PACKAGE_URL:?}" --file "$build/app.zip"
az functionapp restart --ids "${FIPSWARDEN_FUNCTION_APP_ID:?}"
# run-from-package by URL does not tell the platform of new triggers
az rest --method post --url "${FIPSWARDEN_FUNCTION_APP_ID}/syncfunctiontriggers?api-version=2023-12-01"
echo "Published $(git rev-parse --short HEAD) to $AZURE_FUNCTION_APP_NAME"
