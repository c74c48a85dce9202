"""Log lines on a terminal, with the fields that stand beside their messages."""

import logging

_USUAL = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _WithFields(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = {name: value for name, value in vars(record).items() if name not in _USUAL}
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])


def to_terminal() -> None:
    """Shows everything from `info` on, but of the Azure SDKs only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithFields("%(asctime)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("azure").setLevel(logging.WARNING)
