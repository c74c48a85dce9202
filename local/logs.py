"""Log lines on a terminal."""

import logging
import re
from typing import Any

CLUSTER = re.compile(
    r"(?:/subscriptions/[\w-]+)?/resourceGroups/([\w.()-]+)"
    r"/providers/Microsoft\.ContainerService/managedClusters/([\w-]+)(?:/agentPools/(\w+))?",
    re.IGNORECASE,
)
"""The ARM id of a cluster, or of a node pool: resource group, cluster, pool."""
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SKIPPED = frozenset({"invocation"})
"""Of use in a log that is searched; on a terminal it hides the rest."""


class FieldFormatter(logging.Formatter):
    """Writes a record's extra fields behind its message, without empty ones, and a cluster as `group/name`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without traceback."""
        extra: dict[str, Any] = {name: value for name, value in vars(record).items() if name not in _OWN | _SKIPPED}
        fields = "".join(f" {name}={value}" for name, value in extra.items() if value not in ("", None))
        return CLUSTER.sub(lambda found: "/".join(filter(None, found.groups())), super().formatMessage(record) + fields)


def to_terminal() -> None:
    """Shows everything from `info` on, but only warnings of the Azure SDKs and the mail server's protocol."""
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in ("azure", "mail.log"):
        logging.getLogger(name).setLevel(logging.WARNING)
