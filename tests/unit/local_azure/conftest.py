import pytest

from tests.unit.local_azure.asking import Azure, empty_azure


@pytest.fixture
def azure() -> Azure:
    return empty_azure()
