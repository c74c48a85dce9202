"""The state of the local Azure, without any HTTP."""

from local.world.world import RequestRecord, World

__all__ = ["RequestRecord", "World"]
