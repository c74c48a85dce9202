"""Log lines on a terminal."""

import logging


def to_terminal() -> None:
    """Shows everything from `info` on, but of the Azure SDKs only warnings."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
