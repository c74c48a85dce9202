"""Signatures of manifests: what the standard says is good is good, and nothing else is."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.signatures import PublicKey, base64url, from_base64url, holds, thumbprint

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
DATA = b'{"kind":"manifest"}'


def shown(private: rsa.RSAPrivateKey) -> PublicKey:
    """The public half as a JSON Web Key."""
    numbers = private.public_key().public_numbers()
    n, e = (number.to_bytes((number.bit_length() + 7) // 8) for number in (numbers.n, numbers.e))
    return PublicKey("https://v/keys/k/1", base64url(n), base64url(e))


KEY = shown(PRIVATE)
SIGNATURE = PRIVATE.sign(DATA, padding.PKCS1v15(), hashes.SHA256())


def test_a_signature_made_by_another_library_holds() -> None:
    assert holds(KEY, DATA, SIGNATURE)


@given(st.integers(0, len(SIGNATURE) * 8 - 1))
def test_a_signature_with_one_bit_changed_does_not_hold(bit: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[bit // 8] ^= 1 << bit % 8

    assert not holds(KEY, DATA, bytes(changed))


@pytest.mark.parametrize("signature", [b"", SIGNATURE[1:], SIGNATURE + b"\x00", b"\x00" + SIGNATURE, b"\xff" * 256])
def test_a_signature_of_another_length_or_too_great_does_not_hold(signature: bytes) -> None:
    assert not holds(KEY, DATA, signature)


def test_a_signature_by_another_hash_or_padding_does_not_hold() -> None:
    other = PRIVATE.sign(DATA, padding.PKCS1v15(), hashes.SHA512())
    pss = PRIVATE.sign(DATA, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())

    assert not holds(KEY, DATA, other)
    assert not holds(KEY, DATA, pss)


def test_a_signature_over_other_data_or_by_another_key_does_not_hold() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert not holds(KEY, DATA + b" ", SIGNATURE)
    assert not holds(shown(other), DATA, SIGNATURE)


@pytest.mark.parametrize(
    "key",
    [
        PublicKey("", "not base64!", KEY.e),
        PublicKey("", "", ""),
        PublicKey("", KEY.n, KEY.e, kty="EC"),
        PublicKey("", base64url(b"\x01" * 128), KEY.e),
    ],
)
def test_a_key_that_is_odd_or_too_small_signs_nothing(key: PublicKey) -> None:
    assert not holds(key, DATA, SIGNATURE)


@given(st.binary(max_size=70))
def test_base64url_comes_back(data: bytes) -> None:
    assert from_base64url(base64url(data)) == data


@pytest.mark.parametrize("text", ["a+b/", "YQ==", "Y Q", "ä", "a"])
def test_what_is_not_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_base64url(text)


def test_the_thumbprint_is_that_of_the_standards_example() -> None:
    """RFC 7638, 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
        "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"
        "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a"
        "wapJzKnqDKgw"
    )

    assert thumbprint(PublicKey("2011-04-29", modulus, "AQAB")) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
