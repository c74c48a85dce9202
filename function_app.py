"""The function app: registers the blueprints; nothing else."""

import azure.functions as func

from functions import alerts, daily, health, poison, pool_events, reconcile, resync

app = func.FunctionApp()
for module in (pool_events, resync, reconcile, alerts, daily, poison, health):
    app.register_functions(module.bp)
