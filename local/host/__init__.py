"""Runs a function app as the Functions host would, where `func` is not installed; a development tool."""

from local.host.config import HostError
from local.host.host import TriggerHost

__all__ = ["HostError", "TriggerHost"]
