"""Log lines with fields: the worker gives the host a line's text and nothing else, so the fields stand in it."""

import json
import logging
from collections.abc import MutableMapping
from typing import Any


class FieldLogger(logging.LoggerAdapter[logging.Logger]):
    """Writes `extra` behind the message as JSON, for a query such as `parse message with * "looked " fields`."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Move the fields into the text."""
        fields = kwargs.pop("extra", None)
        return (f"{msg} {json.dumps(fields, default=str, ensure_ascii=False)}" if fields else msg), kwargs


def logger(name: str) -> FieldLogger:
    """Return the logger `fipswarden.<name>`."""
    return FieldLogger(logging.getLogger(f"fipswarden.{name}"), {})
