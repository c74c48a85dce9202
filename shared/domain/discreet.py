"""Keeps out of evidence what nobody may find there: mail addresses, tokens, keys and signatures.

Evidence can't be deleted for years. Tags, error texts and owners of exemptions may hold any of them.
"""

import re
from collections.abc import Mapping
from typing import Any

_ADDRESS = re.compile(r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2,24}")
_SECRET = re.compile(
    # A JSON Web Token (RFC 7519) begins with {" in base64url; the rest are parts of URLs and connection strings.
    r"\b(?-i:eyJ)[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w.~+/=-]{8,}"
    r"|(?<=[?&;]sig=)[\w%+/=-]+|(?<=[?&;]code=)[\w%+/=-]{16,}|(?<=\bclient_secret=)[\w.~%+/=-]+"
    r"|(?<=\bAccountKey=)[\w+/=-]+|(?<=\bSharedAccessKey=)[\w+/=-]+|(?<=\bSharedAccessSignature=)[\w%+/=&-]+",
    re.IGNORECASE,
)
ADDRESS, SECRET = "(mail address)", "(secret)"
_BY, _APPROVALS = "by", "approvals"
"""The one field that names the person who acted: of a record, and of each approval that it uses up."""


def discreet(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's body without what evidence may not hold; who acted stays named."""
    found: dict[str, Any] = {_text(key): _without(item) for key, item in body.items()}
    approvals = body.get(_APPROVALS)
    for key, item in approvals.items() if isinstance(approvals, dict) else ():
        if person := _person(item):
            found[_APPROVALS][_text(key)] |= person
    return found | _person(body)


def _person(said: Any) -> dict[str, str]:
    by = said.get(_BY) if isinstance(said, Mapping) else None
    return {_BY: by} if isinstance(by, str) else {}


def _without(value: Any) -> Any:
    match value:
        case str():
            return _text(value)
        case list():
            return [_without(item) for item in value]
        case dict():
            return {_text(key): _without(item) for key, item in value.items()}
        case _:
            return value


def _text(text: str) -> str:
    found = _ADDRESS.sub(ADDRESS, text) if "@" in text else text
    return _SECRET.sub(SECRET, found)
