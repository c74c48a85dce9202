"""What a look leaves in the evidence: who ran, whose word, by which ids, and nothing that nobody may find there."""

from datetime import timedelta
from itertools import pairwise

from local.world import rollout
from local.world.faults import Answer, Fault
from shared.domain.bodies import NodeProof, Observation, Outcome
from shared.domain.people import RequestKind
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from shared.domain.verdicts import PoolVerdict
from shared.postures import summaries
from shared.rollout import read_memory
from tests.evidence import assert_sound, body_of, texts
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.fleet import Fleet

SOON, DAY = timedelta(minutes=10), timedelta(days=1)


def last_verdict(lab: Fleet) -> PoolVerdict:
    """What the last observation says of the pool."""
    found = body_of(lab.records(RecordKind.OBSERVATION)[-1])
    assert isinstance(found, Observation)
    (verdict,) = found.posture.pools
    return verdict


def outcomes(lab: Fleet) -> list[Outcome]:
    """What became of intents."""
    bodies = [body_of(record) for record in lab.records(RecordKind.OUTCOME)]
    return [body for body in bodies if isinstance(body, Outcome)]


def test_the_answer_and_the_end_of_an_operation_name_the_ids_that_azures_support_asks_for() -> None:
    lab = Fleet()
    lab.look(lasting=timedelta(hours=1))

    found = outcomes(lab)

    assert [one.outcome for one in found] == ["accepted", "succeeded"]
    ids = [one.correlation_id for one in found] + [one.request_id for one in found]
    assert all(ids)
    assert len(set(ids)) == 4


def test_an_abort_that_was_sent_is_answered_with_its_ids() -> None:
    lab = Fleet()
    lab.look(lasting=timedelta(minutes=1))
    lab.ask(RequestKind.ABORT)
    lab.passes(SOON)

    asked, answered = (record.payload for record in lab.records(RecordKind.REQUEST))

    assert (asked["outcome"], asked["correlationId"]) == (None, "")
    assert answered["outcome"] == "accepted"
    assert answered["correlationId"]
    assert answered["requestId"]


def test_the_verdict_names_the_record_that_holds_the_nodes_word() -> None:
    lab = Fleet()
    lab.look(lasting=timedelta(hours=1))
    verdict = last_verdict(lab)

    held = lab.evidence.read(CLUSTER, verdict.effectiveness.record)
    assert held
    proof = body_of(held)
    assert isinstance(proof, NodeProof)
    assert (proof.pool, len(proof.nodes), proof.rule) == ("np1", verdict.effectiveness.nodes, "default")
    assert proof.proof.at == verdict.effectiveness.at
    assert verdict.implementation
    assert verdict.implementation.enabled is True


def test_a_proof_that_says_the_same_again_is_held_by_the_record_that_said_it_first() -> None:
    lab = Fleet()
    lab.look(lasting=timedelta(hours=1))
    with lab.world.entered():
        liar = rollout.nodes(lab.world.cluster_by_id(CLUSTER.arm_id), lab.pool)[0]
        liar.fips_label = False
    lab.ask(RequestKind.VERIFY)
    lab.passes(timedelta(hours=1))
    asked = lab.clock.now()
    lab.days(1)

    verdict = last_verdict(lab)
    held = body_of(lab.records(RecordKind.PROOF)[-1])
    assert isinstance(held, NodeProof)
    assert verdict.effectiveness.disagreeing == 1
    assert held.proof.disagreeing == (liar.name,)
    assert held.proof.at < asked
    remembered = read_memory(lab.rollout, CLUSTER).pool("np1").proof
    assert remembered
    assert remembered.at > asked, "the nodes were asked again and said the same"
    assert remembered.record == verdict.effectiveness.record == lab.records(RecordKind.PROOF)[-1].seq


def test_the_records_of_one_look_name_it_and_the_texts_that_it_went_by() -> None:
    lab = Fleet()
    lab.look(lasting=timedelta(hours=1))

    chain = lab.evidence.chain(CLUSTER)
    looks = [str(record.payload["look"]) for record in chain]
    assert all(looks)
    # One look: its records follow each other.
    assert len(set(looks)) == 1 + sum(one != other for one, other in pairwise(looks))
    rules = lab.policies.load()
    assert isinstance(rules, Rulebook)
    assert {str(record.payload["policy"]) for record in chain} == {rules.policy.hash}
    assert {record.payload["cause"] for record in chain} >= {"event"}


def test_neither_addresses_nor_tokens_get_into_the_evidence_wherever_azure_has_them() -> None:
    lab = Fleet()
    lab.policies.rules = ruled("mode: enforce\nnotice: {before: 1h}\n")
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"
    with lab.world.entered():
        inside = lab.world.cluster_by_id(CLUSTER.arm_id)
        inside.tags.update({"owner": "ana@contoso.com", "bob@contoso.com": "yes"})
        lab.pool.properties["tags"] = {"team": "mail carol@contoso.com"}
    told = f"The client 'dan@contoso.com' with token Bearer {token} does not have authorization."
    lab.world.faults.add(
        Fault(Answer(403, "AuthorizationFailed", told, gateway=True), method="PUT", kind="agentPools", times=1)
    )
    lab.look(lasting=DAY)

    found = [text for record in lab.evidence.chain(CLUSTER) for text in texts(record.payload)]

    assert [text for text in found if "contoso" in text or token in text] == []
    assert "(mail address)" in found, "the tag is there, without its value"
    assert lab.puts()[0] == 403
    assert outcomes(lab)[0].outcome == "refused"


def test_a_cluster_that_is_gone_leaves_a_tombstone_with_its_head_and_all_of_its_evidence() -> None:
    lab = Fleet()
    lab.look(lasting=timedelta(hours=1))
    before = lab.evidence.chain(CLUSTER)
    with lab.world.entered():
        lab.world.remove_cluster(lab.world.cluster_by_id(CLUSTER.arm_id))
    lab.look(lasting=timedelta(hours=1))
    lab.days(1)

    (tombstone,) = summaries(lab.postures)
    chain = lab.evidence.chain(CLUSTER)
    assert (tombstone.gone, tombstone.cluster, tombstone.seq) == (True, CLUSTER, len(chain))
    assert lab.stored().head == chain[-1].head
    assert chain[: len(before)] == before
    last = body_of(chain[-1])
    assert isinstance(last, Observation)
    assert last.observed.gone
    for record in chain:
        assert_sound(record)
