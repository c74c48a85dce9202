"""Rows as CSV that a spreadsheet may open: RFC 4180, and no cell that it would take for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from shared.domain.wording import plain_text

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 (a spreadsheet may take them too)
"""What a spreadsheet takes for a formula at the beginning of a cell (OWASP, CSV Injection)."""
_INSIDE = re.compile(rf"""([;|])(?=[\s"']*[{re.escape("".join(_FORMULA))}])""")
"""What another separator than the comma would make the beginning of a cell (OWASP names the separators, too)."""


def guarded(cell: str) -> str:
    """Return a cell as text that a spreadsheet shows and never works out."""
    text = _INSIDE.sub(r"\1'", plain_text(cell))
    # Some programs take spaces off before they look.
    return f"'{text}" if cell.lstrip(" ").startswith(_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines that end with CRLF, quoted where needed."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in rows:
        writer.writerow(map(guarded, row))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
