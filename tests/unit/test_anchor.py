"""The daily anchor: one manifest a day over all heads, signed, whoever dies on the way; and the files beside it."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest

from local.clock import ManualClock
from local.memory import MemoryEvidence, MemorySnapshots, MemoryTable
from local.world.vault import Vault
from shared.anchor import AnchorPorts, anchor, late_alert, late_anchor, with_anchor
from shared.budget import change
from shared.chain import Chain
from shared.digest import daily_digest
from shared.domain.budget import COUNTS_LAST, Counts
from shared.domain.ids import ClusterId
from shared.domain.manifests import Anchor, record_id, signed_bytes
from shared.domain.posture import Posture
from shared.domain.records import FLEET, MANIFESTS, Head, Record, RecordKind
from shared.domain.remediated import Mended
from shared.domain.series import Day
from shared.domain.signatures import PublicKey, base64url, from_base64url, holds, thumbprint
from shared.errors import TerminalError
from shared.ports import Put, Signer
from shared.series import UnreadDay, keep_day, series, trend
from shared.snapshots import put_away, take_snapshot
from tests.builders import (
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    cluster_id,
)
from tests.postures import BAD, GONE, GOOD, OUT, looked

TODAY = NOW.date()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
VAULT = Vault("/vaults/v")


class LocalSigner:
    """The local Azure's key, without its HTTP."""

    def key(self) -> PublicKey:
        """Its public half."""
        jwk = VAULT.jwk("https://localhost")
        return PublicKey(jwk["kid"], jwk["n"], jwk["e"])

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """Sign."""
        assert key == self.key()
        return from_base64url(VAULT.sign(hashlib.sha256(data).digest()))


class Forger(LocalSigner):
    """A vault that answers with another key's signature."""

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """Sign something else."""
        return super().sign(key, data + b" ")


class Away(LocalSigner):
    """A vault that can't be reached."""

    def key(self) -> PublicKey:
        """Fail as a network does."""
        raise OSError("no route to the vault")


class App:
    """What the app keeps, in memory."""

    def __init__(self, signer: Signer | None = None) -> None:
        clock = ManualClock(NOW)
        self.postures, self.rollout = MemoryTable(clock), MemoryTable(clock)
        self.evidence, self.files = MemoryEvidence(), MemorySnapshots()
        self.signer = signer

    @property
    def ports(self) -> AnchorPorts:
        """The anchor's ports; of the other subscription nobody looks after anything."""
        return AnchorPorts(
            self.postures,
            self.rollout,
            self.evidence,
            self.files,
            self.signer,
            lambda subscription: subscription == SUBSCRIPTION,
        )

    def looked(self, posture: Posture, name: str = "aks-pay", subscription: str = SUBSCRIPTION, **more: Any) -> Head:
        """A look has recorded something and committed a posture."""
        found = cluster_id(name, subscription=subscription)
        head = self.recorded(found)
        looked(self.postures, posture, name, subscription, head=head, **more)
        return head

    def recorded(self, chain: ClusterId | str) -> Head:
        """Something was recorded on a chain."""
        written = Chain(self.evidence, chain, Head())
        written.catch_up()
        return written.append(RecordKind.OBSERVATION, NOW, {}).head

    def anchor(self, now: Any = NOW, unread: int | None = 0) -> Anchor:
        """Run the anchor."""
        return anchor(self.ports, now, unread)

    @property
    def manifests(self) -> tuple[Record, ...]:
        """All manifests."""
        return self.evidence.chain(MANIFESTS)

    def day(self, day: date = TODAY) -> Day:
        """A day of the series."""
        (found,) = series(self.files, day, day)
        assert isinstance(found, Day)
        return found


def lines(packed: bytes) -> list[Mapping[str, Any]]:
    """What a snapshot says."""
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def test_a_manifest_holds_the_heads_of_all_chains_also_of_what_is_gone_or_out_of_scope() -> None:
    app = App()
    heads = {
        cluster_id(name, subscription=subscription).path: app.looked(posture, name, subscription)
        for name, posture, subscription in (
            ("aks-pay", GOOD, SUBSCRIPTION),
            ("aks-gone", GONE, SUBSCRIPTION),
            ("aks-out", OUT, SUBSCRIPTION),
            ("aks-other", BAD, OTHER_SUBSCRIPTION),
        )
    }
    heads[FLEET] = app.recorded(FLEET)

    app.anchor()

    (record,) = app.manifests
    assert record.payload["chains"] == {path: {"seq": 1, "hash": head.hash} for path, head in heads.items()}
    assert (record.kind, record.id, record.payload["date"]) == (RecordKind.MANIFEST, record_id(TODAY, 1), "2026-11-23")


def test_the_head_of_the_fleets_chain_is_probed_forward_from_where_its_row_says() -> None:
    app = App()
    first = app.recorded(FLEET)
    app.rollout.write("fleet", Put("chain", None, {}, {"head": {"seq": 1, "hash": first.hash}}))
    second = app.recorded(FLEET)

    app.anchor()

    assert app.manifests[0].payload["chains"] == {FLEET: {"seq": 2, "hash": second.hash}}


def test_a_manifest_names_the_hashes_of_the_files_as_they_are_stored() -> None:
    app = App()
    app.looked(GOOD)

    app.anchor()

    said = app.manifests[0].payload
    assert said["snapshot"]["name"] == "fleet/2026/11/23/093004Z.jsonl.gz"
    assert said["series"]["name"] == "daily/2026-11-23.json"
    for file in (said["snapshot"], said["series"]):
        assert hashlib.sha256(app.files.files[file["name"]]).hexdigest() == file["sha256"]


def test_a_signature_is_over_the_record_without_it_and_by_the_key_in_it() -> None:
    app = App(LocalSigner())

    found = app.anchor()

    said = app.manifests[0].payload
    key = PublicKey(**said["key"])
    assert said["key"]["kty"] == "RSA"
    assert holds(key, signed_bytes(said), from_base64url(said["signature"]))
    assert not holds(key, signed_bytes({**said, "seq": 2}), from_base64url(said["signature"]))
    assert found == Anchor(TODAY, 1, app.manifests[0].head.hash, 0, thumbprint(LocalSigner().key()))
    assert found.record == "_manifests/0000000001.json"


def test_without_a_key_a_manifest_is_written_unsigned_and_says_so() -> None:
    app = App()

    found = app.anchor()

    assert app.manifests[0].payload["key"] is None
    assert "signature" not in app.manifests[0].payload
    assert found.thumbprint == ""
    assert "not signed, since the setting FIPSWARDEN_MANIFEST_KEY names no key" in told(app, found).text


@pytest.mark.parametrize(("signer", "error"), [(Forger(), TerminalError), (Away(), OSError)])
def test_with_a_key_that_does_not_sign_nothing_is_written(signer: Signer, error: type[Exception]) -> None:
    app = App(signer)

    with pytest.raises(error):
        app.anchor()

    assert app.manifests == ()


def test_a_second_run_of_the_day_gives_the_same_manifest_and_the_next_day_another_that_follows_it() -> None:
    app = App(LocalSigner())
    app.looked(GOOD)
    first = app.anchor()
    app.looked(GOOD, "aks-late")

    assert app.anchor(NOW + HOUR) == first
    second = app.anchor(NOW + DAY)

    assert (second.seq, second.chains) == (2, 2)
    assert app.manifests[1].payload["previous"] == first.sha256


def test_a_clock_that_jumped_back_gives_no_two_manifests_one_id() -> None:
    app = App()
    for day in (NOW, NOW - DAY, NOW):
        app.anchor(day)

    assert [record.id for record in app.manifests] == [
        "manifest-2026-11-23-1", "manifest-2026-11-22-2", "manifest-2026-11-23-3",
    ]  # fmt: skip


def test_a_manifest_whose_writer_died_before_remembering_it_is_found() -> None:
    app = App()
    first = app.anchor()
    app.rollout = MemoryTable(ManualClock(NOW))

    assert app.anchor(NOW + HOUR) == first
    assert len(app.manifests) == 1


def test_of_two_who_write_at_once_both_name_the_same_manifest_and_it_is_signed_in_its_place() -> None:
    """The number is taken between the look-up and the write; the signature holds the place, so it is made anew."""
    app = App(LocalSigner())
    other = App(LocalSigner())
    other.evidence, other.files = app.evidence, app.files
    real, raced = app.evidence.create, list[bool]()

    def create(chain: ClusterId | str, record: Record) -> bool:
        if chain == MANIFESTS and not raced:
            raced.append(True)
            other.anchor(NOW - DAY)
        return real(chain, record)

    app.evidence.create = create  # type: ignore[method-assign]  # a race can't be had otherwise
    found = app.anchor()

    assert [record.payload["date"] for record in app.manifests] == ["2026-11-22", "2026-11-23"]
    assert found.seq == 2
    for record in app.manifests:
        said = record.payload
        assert holds(PublicKey(**said["key"]), signed_bytes(said), from_base64url(said["signature"]))


def test_the_resync_writes_what_the_timer_did_not_after_a_day_and_not_before() -> None:
    app = App()
    assert late_anchor(app.ports, NOW, 0) is None, "before the first daily timer there is nothing to be late"
    app.anchor()

    assert late_anchor(app.ports, NOW + DAY, 0) is None
    late = late_anchor(app.ports, NOW + 26 * HOUR, 0)

    assert late is not None
    alert = late_alert(late, NOW)
    assert (alert.reason, alert.anchor, alert.severity) == ("ManifestLate", late, "info")
    assert late.sha256 in alert.text


# The digest


def told(app: App, found: Anchor | None, fault: str = "") -> Any:
    """The digest with what became of the anchor."""
    digest = daily_digest(app.postures, {}, Counts(NOW, 0), lambda _: True, NOW)
    return with_anchor(digest, trend(app.files, TODAY), found, fault)


def test_the_digest_carries_the_manifest_out_and_says_what_to_keep() -> None:
    app = App(LocalSigner())
    app.looked(GOOD)

    found = app.anchor()
    digest = told(app, found)

    assert digest.anchor == found
    assert digest.severity == "good"
    assert (
        f"Manifest 1 of 2026-11-23 over 1 evidence chain: SHA-256 {found.sha256}, "
        f"signed by the key with thumbprint {found.thumbprint}. Check it later: fipswarden evidence verify "
        f"--manifest 1:{found.sha256} --key={found.thumbprint}" in digest.text
    )


def test_a_digest_without_its_manifest_is_never_good() -> None:
    app = App()
    app.looked(GOOD)

    digest = told(app, None, "OSError; the log has more.")

    assert (digest.severity, digest.anchor) == ("warning", None)
    assert "The day's evidence manifest was not written: OSError; the log has more." in digest.text


# Snapshots


def test_a_snapshot_has_a_line_for_every_row_after_one_that_says_what_it_is() -> None:
    app = App()
    head = app.looked(GOOD)
    app.looked(BAD, "aks-bad", OTHER_SUBSCRIPTION)

    filed = take_snapshot(app.postures, app.files, NOW)

    header, good, bad = lines(app.files.files[filed.name])
    assert header["schema"] == "fipswarden.snapshot/1"
    assert header["at"] == "2026-11-23T09:30:04.000000Z"
    assert good == {
        "cluster": cluster_id().arm_id,
        "state": "compliant",
        "inScope": True,
        "gone": False,
        "unread": False,
        "pools": {"compliant": 1},
        "head": {"seq": 1, "hash": head.hash},
        "at": "2026-11-23T09:30:04.000000Z",
        "due": "2026-11-23T10:30:04.000000Z",
    }
    assert (bad["state"], bad["pools"]) == ("non_compliant", {"non_compliant": 1})


def test_a_snapshot_of_the_same_second_does_not_replace_the_first() -> None:
    app = App()
    first = take_snapshot(app.postures, app.files, NOW)
    app.looked(GOOD)

    assert take_snapshot(app.postures, app.files, NOW) == first


def test_a_file_that_is_taken_and_cannot_be_read_is_an_error() -> None:
    class Blind(MemorySnapshots):
        def read(self, name: str) -> bytes | None:
            return None if name in self.files else super().read(name)

    files = Blind()
    put_away(files, "x", BytesIO(b"a"))
    with pytest.raises(OSError, match="x is taken but can't be read"):
        put_away(files, "x", BytesIO(b"b"))


def test_pools_of_a_row_that_an_older_version_wrote_are_unknown() -> None:
    app = App()
    app.looked(GOOD)
    row = app.postures.read(SUBSCRIPTION, cluster_id().key)
    assert row
    older = {name: value for name, value in row.columns.items() if name not in ("states", "proofs", "mended")}
    app.postures.write(SUBSCRIPTION, Put(row.key, row.etag, older, row.doc))

    app.anchor()

    assert app.day().pools == {"unknown": 1}


# The series


def test_a_day_counts_what_is_in_scope_and_looked_after() -> None:
    app = App()
    app.looked(GOOD, proofs=(NOW - HOUR,))
    app.looked(BAD, "aks-bad", proofs=(NOW - 3 * HOUR,))
    app.looked(GONE, "aks-gone")
    app.looked(OUT, "aks-out")
    app.looked(BAD, "aks-other", OTHER_SUBSCRIPTION)
    change(app.rollout, lambda budget: replace(budget, counts=Counts(NOW, 2, blind=2)))

    app.anchor(unread=1)

    day = app.day()
    assert day.clusters == {"compliant": 1, "non_compliant": 1}
    assert day.pools == {"compliant": 1, "non_compliant": 1}
    assert (day.unread_clusters, day.unread_subscriptions, day.unseen, day.coverage) == (0, 1, 2, 0.5)
    assert (day.proof_age.proofs, day.proof_age.median_seconds, day.proof_age.max_seconds) == (2, 7200.0, 10800.0)


def test_what_nobody_renewed_is_unknown_and_not_covered() -> None:
    app = App()
    app.looked(GOOD, due=NOW - DAY)
    change(app.rollout, lambda budget: replace(budget, counts=Counts(NOW, 1)))

    app.anchor()

    day = app.day()
    assert (day.clusters, day.pools) == ({"unknown": 1}, {"unknown": 1})
    assert (day.unread_clusters, day.coverage) == (1, 0.0)


def test_without_a_resync_how_much_is_covered_is_not_known() -> None:
    app = App()
    app.looked(GOOD)
    change(app.rollout, lambda budget: replace(budget, counts=Counts(NOW - COUNTS_LAST - HOUR, 1)))

    app.anchor(unread=None)

    day = app.day()
    assert (day.unread_subscriptions, day.unseen, day.coverage) == (None, None, None)


def test_the_mean_time_to_remediate_is_that_of_the_whole_day_before() -> None:
    app = App()
    mended = (
        Mended("a", NOW - DAY, 100.0),
        Mended("b", NOW - DAY, 300.0),
        Mended("c", NOW, 9.0),
        Mended("d", NOW - 2 * DAY, 9.0),
    )
    app.looked(GOOD, mended=mended)

    app.anchor()

    found = app.day().remediated
    assert (found.day, found.count, found.mean_seconds) == (date(2026, 11, 22), 2, 200.0)


def test_an_empty_fleet_has_no_means() -> None:
    app = App()

    app.anchor()

    day = app.day()
    assert (day.remediated.mean_seconds, day.proof_age.median_seconds, day.total) == (None, None, 0)


def test_the_first_day_of_a_date_stays() -> None:
    app = App()
    app.anchor()
    first = app.day()

    assert keep_day(app.files, replace(first, unread_clusters=9)).sha256 == app.manifests[0].payload["series"]["sha256"]
    assert app.day() == first


def test_the_series_has_the_days_there_are_in_their_order() -> None:
    app = App()
    for ago in (0, 2, 549):
        app.anchor(NOW - ago * DAY)

    found = [day.date for day in series(app.files, TODAY - 549 * DAY, TODAY)]

    assert found == [TODAY - 549 * DAY, TODAY - 2 * DAY, TODAY]


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"schema": "fipswarden.series/2"}', b'{"schema": "fipswarden.series/1"}']
)
def test_a_day_that_cannot_be_read_is_named(data: bytes) -> None:
    files = MemorySnapshots()
    files.create("daily/2026-11-23.json", BytesIO(data))

    (found,) = series(files, TODAY, TODAY)
    assert isinstance(found, UnreadDay)
    assert trend(files, TODAY) == f"{found.why}."
    assert found.why.startswith("snapshots/daily/2026-11-23.json can't be read: ")
    assert trend(files, TODAY + DAY) == ""


def test_the_trend_compares_with_the_days_there_are() -> None:
    app = App()
    app.looked(BAD)
    app.anchor(NOW - DAY)
    assert trend(app.files, TODAY) == ""
    row = app.postures.read(SUBSCRIPTION, cluster_id().key)
    assert row
    looked(app.postures, GOOD, head=Head(1), due=NOW, etag=row.etag)
    app.anchor()

    assert trend(app.files, TODAY) == "Node pools with nothing to be done: today 1 of 1, yesterday 0 of 1."


def test_a_signature_has_no_padding() -> None:
    assert base64url(LocalSigner().sign(LocalSigner().key(), b"x")).isascii()
    assert len(base64url(LocalSigner().sign(LocalSigner().key(), b"x"))) == 512
