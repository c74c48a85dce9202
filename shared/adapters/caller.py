"""Who runs a command: the object id in a token that Entra gave him.

It is read from the caller's own token, whose signature is not checked: a label for the record, and no permission. What
he may do the storage account decides, by its own look at its own token.
"""

import json
import uuid
from typing import TYPE_CHECKING

from shared.domain.signatures import from_base64url
from shared.errors import InputError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_SCOPE = "https://storage.azure.com/.default"
"""Storage's, one for all clouds (STORAGE_OAUTH_SCOPE in azure-storage-queue): whoever asks anything needs it anyway."""


def object_id(credential: "TokenCredential") -> str:
    """Return the object id of whose credential this is, a GUID in lower case.

    Raises InputError if his token has none, and what the credential raises. `oid` is the user's, or the service
    principal's; "claims are present only if a value exists to fill it"
    (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
    """
    token = credential.get_token(_SCOPE).token
    try:
        _, payload, _ = token.split(".")
        return str(uuid.UUID(json.loads(from_base64url(payload))["oid"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "what is asked is recorded with the object id of who asks, and the token of whoever is signed in has none "
            "(claim `oid`): sign in with `az login` as a user, a service principal or a managed identity"
        ) from error
