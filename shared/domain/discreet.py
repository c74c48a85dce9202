"""Keeps out of evidence what nobody may find there: mail addresses, tokens, keys and signatures.

Evidence can't be deleted for years. Tags, error texts and owners of exemptions may hold any of them.
"""

import re
from typing import Any

_ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}")
_SECRET = re.compile(
    # A JSON Web Token (RFC 7519) begins with {" in base64url; the rest are parts of URLs and connection strings.
    r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w.~+/=-]{8,}"
    r"|(?<=[?&]sig=)[\w%+/=-]+|(?<=\bAccountKey=)[\w+/=-]+|(?<=\bSharedAccessSignature=)[\w%+/=&-]+"
)
ADDRESS, SECRET = "(mail address)", "(secret)"
_BY = "by"
"""The one field that names the person who acted."""


def discreet(value: Any) -> Any:
    """Return JSON values without what evidence may not hold; who acted stays named."""
    match value:
        case str():
            return _text(value)
        case list():
            return [discreet(item) for item in value]
        case dict():
            return {_text(key): item if key == _BY else discreet(item) for key, item in value.items()}
        case _:
            return value


def _text(text: str) -> str:
    found = _ADDRESS.sub(ADDRESS, text) if "@" in text else text
    return _SECRET.sub(SECRET, found)
