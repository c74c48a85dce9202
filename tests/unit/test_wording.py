"""Numbers read well in sentences, one of them too."""

import pytest

from shared.domain.wording import count
from tests.builders import cluster, judged, memory, profile, proof


@pytest.mark.parametrize(("number", "said"), [(0, "0 pools"), (1, "1 pool"), (2, "2 pools")])
def test_one_is_singular(number: int, said: str) -> None:
    assert count(number, "pool") == said


@pytest.mark.parametrize(("nodes", "said"), [(1, "The only node carried "), (3, "All 3 nodes carried ")])
def test_a_proof_of_one_node_speaks_of_one_node(nodes: int, said: str) -> None:
    posture = judged(cluster(profile("apps", count=nodes)), memory(apps=proof(nodes=nodes)))

    assert posture.pools[0].decisive.message.startswith(said)
