"""Fixtures of every test folder."""

from collections.abc import Iterator

import pytest

from local.azurite import Azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Storage on free ports, shared by the tests of one worker: they take queues and tables of their own."""
    with Azurite() as storage:
        yield storage
