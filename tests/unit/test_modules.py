"""Validated is not enabled: what was not verified is never called active."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.codec import plain, typed
from shared.domain.modules import (
    END_OF_140_2,
    Certificate,
    Certificates,
    Renewal,
    Standard,
    Standing,
    Status,
    edition,
    modules_of,
    standing,
)
from shared.domain.support import FipsSupport, Release, matrix

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
SUNSET = date(2028, 1, 1)
ACTIVE = Certificate("A", "M", "#1", Standard.FIPS_140_3, Status.ACTIVE, "s", SUNSET)
RELEASES = {release.name: release for release in matrix().releases}


@pytest.mark.parametrize(
    ("certificate", "today", "expected"),
    [
        (ACTIVE, SUNSET - DAY, Standing.ACTIVE),
        (ACTIVE, SUNSET, Standing.HISTORICAL),
        (replace(ACTIVE, sunset=None), date.max, Standing.ACTIVE),
        (replace(ACTIVE, renewal=Renewal.ANNOUNCED), SUNSET - DAY, Standing.ACTIVE),
        (replace(ACTIVE, renewal=Renewal.ANNOUNCED), SUNSET, Standing.UNKNOWN),
        (replace(ACTIVE, renewal=Renewal.GRANTED), SUNSET, Standing.ACTIVE),
        (replace(ACTIVE, status=Status.UNKNOWN), TODAY, Standing.UNKNOWN),
        (replace(ACTIVE, status=Status.UNKNOWN), SUNSET, Standing.HISTORICAL),
        (replace(ACTIVE, status=Status.UNKNOWN, renewal=Renewal.GRANTED), SUNSET, Standing.UNKNOWN),
        (replace(ACTIVE, status=Status.IN_PROGRESS), TODAY, Standing.UNKNOWN),
        (replace(ACTIVE, status=Status.HISTORICAL, renewal=Renewal.GRANTED), TODAY, Standing.HISTORICAL),
        (replace(ACTIVE, standard=Standard.FIPS_140_2), END_OF_140_2 - DAY, Standing.ACTIVE),
        (replace(ACTIVE, standard=Standard.FIPS_140_2), END_OF_140_2, Standing.HISTORICAL),
        (replace(ACTIVE, standard=Standard.FIPS_140_2, renewal=Renewal.GRANTED), END_OF_140_2, Standing.HISTORICAL),
    ],
)
def test_a_certificate_is_worth_what_is_known_on_the_day(
    certificate: Certificate, today: date, expected: Standing
) -> None:
    assert standing(certificate, today) is expected


certificates = st.builds(
    Certificate,
    release=st.just("A"),
    module=st.just("M"),
    number=st.just("#1"),
    standard=st.sampled_from(Standard),
    status=st.sampled_from(Status),
    source=st.just("s"),
    sunset=st.none() | st.dates(),
    renewal=st.sampled_from(Renewal),
)


@given(certificates, st.dates())
def test_only_what_was_listed_as_active_can_be_active(certificate: Certificate, today: date) -> None:
    if standing(certificate, today) is Standing.ACTIVE:
        assert certificate.status is Status.ACTIVE
        assert certificate.standard is Standard.FIPS_140_3 or today < END_OF_140_2


@given(certificates, st.dates(), st.dates())
def test_no_certificate_gets_better_with_time(certificate: Certificate, one: date, other: date) -> None:
    order = list(Standing)
    earlier, later = sorted((one, other))
    assert order.index(standing(certificate, later)) <= order.index(standing(certificate, earlier))


@pytest.mark.parametrize(
    ("name", "today", "expected"),
    [
        ("Ubuntu 20.04", TODAY, Standing.HISTORICAL),
        ("Ubuntu 20.04", date(2026, 4, 18), Standing.ACTIVE),
        ("Ubuntu 20.04", date(2026, 4, 19), Standing.HISTORICAL),
        ("Ubuntu 22.04", date(2026, 9, 8), Standing.ACTIVE),
        ("Ubuntu 22.04", date(2026, 9, 9), Standing.UNKNOWN),
        ("Ubuntu 22.04", TODAY, Standing.UNKNOWN),
        ("Ubuntu 18.04", TODAY, Standing.HISTORICAL),
        ("Azure Linux 3.0", TODAY, Standing.UNKNOWN),
        ("Azure Linux 2.0", TODAY, Standing.UNKNOWN),
        ("Windows Server 2022", TODAY, Standing.UNKNOWN),
    ],
)
def test_the_worst_certificate_decides_for_a_release(name: str, today: date, expected: Standing) -> None:
    found = modules_of(RELEASES[name], today)

    assert found.standing is expected
    assert found.as_of == date(2026, 5, 1)
    assert {item.release for item in found.certificates} <= {name}


def test_the_summary_says_of_each_certificate_how_it_stands_today() -> None:
    assert modules_of(RELEASES["Ubuntu 22.04"], TODAY).summary == (
        "NIST's certificates of the modules of Ubuntu 22.04, by the list of 2026-05-01: status today not known: "
        "OpenSSL 3.0.2 #4794, Libgcrypt 1.9.4 #4793, GnuTLS 3.7.3 #4855, Kernel Crypto API 5.15.0 #4894; "
        "active today: strongSwan 5.9.5 #4911."
    )
    assert modules_of(RELEASES["Azure Linux 3.0"], TODAY).summary == (
        "NIST's certificates of the modules of Azure Linux 3.0, by the list of 2026-05-01: status today not known: "
        "SymCrypt Cryptographic Library #5313."
    )


def test_a_release_without_known_certificates_is_unknown() -> None:
    found = modules_of(Release("Haiku", FipsSupport.CAPABLE, "s"), TODAY)

    assert (found.standing, found.certificates) == (Standing.UNKNOWN, ())
    assert found.summary.startswith("No certificate for the modules of Haiku is known")


@pytest.mark.parametrize("certificate", edition().certificates, ids=lambda it: it.number)
def test_every_row_is_whole(certificate: Certificate) -> None:
    assert certificate.release in RELEASES
    assert certificate.number.startswith("#")
    assert certificate.number[1:].isdecimal()
    assert certificate.module
    assert certificate.source
    assert certificate.sunset or certificate.status is not Status.ACTIVE


def test_no_certificate_is_there_twice() -> None:
    numbers = [(item.release, item.number) for item in edition().certificates]
    assert len(set(numbers)) == len(numbers)


def test_the_list_survives_its_own_writing() -> None:
    assert typed(Certificates, plain(edition())) == edition()
