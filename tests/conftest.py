"""Fixtures of every test folder."""

from collections.abc import Iterator

import pytest
from hypothesis import is_hypothesis_test

from local.azurite import Azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Storage on free ports, shared by the tests of one worker: they take queues and tables of their own."""
    with Azurite() as storage:
        yield storage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Random cases are not watched for coverage: the examples cover what they do, and it doubles their time."""
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.no_cover)
