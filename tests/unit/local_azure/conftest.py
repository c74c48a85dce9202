import pytest

from tests.unit.local_azure.asking import Azure, empty_azure
from tests.unit.local_azure.kube import Kube, kube_of


@pytest.fixture
def azure() -> Azure:
    return empty_azure()


@pytest.fixture
def kube(azure: Azure) -> Kube:
    return kube_of(azure)
