"""HTTP → is the app able to work, and if not, what is wrong with its settings or its policy."""

import json
import os

import azure.functions as func

from shared import __version__

bp = func.Blueprint()


@bp.function_name("health")
@bp.route(route="health", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 (the binding's name)
    """Answer 200 when settings, those of channels and timers too, and policy can be used, else 503 with every fault.

    What is probably not meant stands in `warnings` and makes nothing unhealthy.
    """
    from shared import bootstrap
    from shared.cadence import resync_faults
    from shared.config import read_settings
    from shared.domain.model import Unreadable
    from shared.domain.policy_warnings import rulebook_warnings
    from shared.errors import ConfigError
    from shared.policy_warnings import kept_warnings

    now = bootstrap.SystemClock().now()
    faults = list(resync_faults(os.environ.get("RESYNC_SCHEDULE", "")))
    warnings: tuple[str, ...] = ()
    policy_hash = ""
    try:
        faults.extend(read_settings(os.environ).channel_faults)
        rules = bootstrap.policies().load()
        if isinstance(rules, Unreadable):
            faults.append(f"{rules.reason}: {rules.message}")
        else:
            found = (*kept_warnings(bootstrap.table("rollout"), rules), *rulebook_warnings(rules, now))
            policy_hash, warnings = rules.policy.hash, tuple(dict.fromkeys(found))
            faults.extend([rules.trouble] if rules.trouble else [])
    except ConfigError as error:
        faults.extend(error.faults)
    except Exception as error:  # noqa: BLE001 (whoever asks must be told what is wrong, whatever it is)
        faults.append(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
    body = {"status": "unhealthy" if faults else "healthy", "version": __version__, "policy": policy_hash}
    answer = json.dumps({**body, "faults": faults, "warnings": warnings}, indent=2)
    return func.HttpResponse(answer, status_code=503 if faults else 200, mimetype="application/json")
