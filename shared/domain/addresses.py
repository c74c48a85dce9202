"""What a mail address has to look like for an owner to be told by it."""

import re

_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ADDRESS = rf"(?=.{{1,64}}@.{{1,255}}$){_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
"""An owner's address comes from a tag that anybody may write: what `email` or a relay might stumble over reaches
nobody, so that it can't keep the mail from the usual recipients (RFC 5322: `dot-atom`; RFC 5321, 4.5.3.1: lengths)."""


def is_address(text: str) -> bool:
    """Say whether a text is a mail address and nothing else."""
    return re.fullmatch(ADDRESS, text) is not None
