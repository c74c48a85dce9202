"""Where a storage account is, from its app settings: a connection string, or service URIs and identity."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Storage:
    """How to reach one storage account: by connection string, or by service URIs and identity."""

    connection_string: str
    """Empty where identity is used."""
    uris: Mapping[str, str]
    """Service URI by `blob`, `queue`, `table`."""


def is_https(value: str) -> bool:
    """Say whether a value is an https URL of some host."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


def read_storage(env: Mapping[str, str], name: str, services: tuple[str, ...], faults: list[str]) -> Storage:
    """Read how to reach one storage account; what is wrong is added to the faults, and no key is repeated there."""
    if given := env.get(name):
        if not _is_connection_string(given, services):
            # It holds a key: it is not repeated.
            faults.append(
                f"{name}: this is not a connection string; it must hold AccountName and AccountKey (or "
                "SharedAccessSignature and the endpoints), as name=value, separated by semicolons"
            )
        elif not _has_sound_key(given):
            faults.append(f"{name}: its AccountKey is not base64: it was cut off, or is something else than a key")
        return Storage(given, {})
    uris = {service: env.get(f"{name}__{service}ServiceUri", "") for service in services}
    for service, uri in uris.items():
        if not uri:
            faults.append(
                f"{name}__{service}ServiceUri: missing; give the {service} URI (or a connection string in {name})"
            )
        elif not is_https(uri):
            # It may be a connection string that stands in the wrong setting, with its key: it is not repeated.
            faults.append(f"{name}__{service}ServiceUri: this is not an https URL")
    return Storage("", uris)


def _is_connection_string(value: str, services: tuple[str, ...]) -> bool:
    if re.fullmatch("(?i:UseDevelopmentStorage)=true", value):
        return True
    parts = [part.partition("=") for part in value.rstrip(";").split(";")]
    found = {name.lower(): text for name, _, text in parts}
    if len(found) < len(parts) or not all(name and equals for name, equals, _ in parts):
        return False
    signed = (found.get("accountname") and found.get("accountkey")) or found.get("sharedaccesssignature")
    reached = found.get("accountname") or all(found.get(f"{service}endpoint") for service in services)
    return bool(signed and reached)


def _has_sound_key(connection_string: str) -> bool:
    key = re.search(r"(?i)(?:^|;)AccountKey=([^;]*)", connection_string)
    try:
        return key is None or bool(base64.b64decode(key[1], validate=True))
    except binascii.Error:
        return False
