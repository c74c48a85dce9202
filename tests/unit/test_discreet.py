"""What evidence may not hold is taken out, wherever it stands; who acted stays named."""

import pytest

from shared.domain.discreet import ADDRESS, SECRET, discreet

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("owned by ana.b+x@mail.contoso.com.", f"owned by {ADDRESS}."),
        (f"token {TOKEN} was refused", f"token {SECRET} was refused"),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {SECRET}"),
        (
            "https://st.blob.core.windows.net/a?sv=1&sig=a%2Bb%3D&se=2",
            f"https://st.blob.core.windows.net/a?sv=1&sig={SECRET}&se=2",
        ),
        ("ana@exämple.de", ADDRESS),
        ("Endpoint=sb://x/;SharedAccessKey=abcdef123456=", f"Endpoint=sb://x/;SharedAccessKey={SECRET}"),
        ("https://x?sv=1&SIG=abc", f"https://x?sv=1&SIG={SECRET}"),
        ("https://x/?a=1&amp;sig=def", f"https://x/?a=1&amp;sig={SECRET}"),
        ("authorization: bearer abcdefghijklmnop", f"authorization: bearer {SECRET}"),
        ("client_secret=abcd1234", f"client_secret={SECRET}"),
        ("https://x/api/y?code=ABCDEFGHIJKLMNOP==", f"https://x/api/y?code={SECRET}"),
        ("https://x/?code=Conflict", "https://x/?code=Conflict"),
        ("AccountName=a;AccountKey=abc+/==;x", f"AccountName=a;AccountKey={SECRET};x"),
        ("mcr.microsoft.com/x/y:1.0@sha256:0123456789abcdef", "mcr.microsoft.com/x/y:1.0@sha256:0123456789abcdef"),
        ("AKSAzureLinux-V3gen2fips-202611.03.0", "AKSAzureLinux-V3gen2fips-202611.03.0"),
        ("a@b", "a@b"),
    ],
)
def test_a_text_loses_what_nobody_may_find_in_it(text: str, left: str) -> None:
    assert discreet({"message": text}) == {"message": left}


@pytest.mark.parametrize("where", ["tags", "body"])
def test_a_name_such_as_that_of_who_acted_hides_nothing_elsewhere(where: str) -> None:
    assert discreet({where: {"by": "ana@contoso.com", "more": {"by": {"x": TOKEN}}}}) == {
        where: {"by": ADDRESS, "more": {"by": {"x": SECRET}}}
    }


def test_who_asked_stays_named_and_only_by_a_text() -> None:
    assert discreet({"by": "ana@contoso.com"}) == {"by": "ana@contoso.com"}
    assert discreet({"by": ["ana@contoso.com"], "approvals": "ana@contoso.com"}) == {
        "by": [ADDRESS],
        "approvals": ADDRESS,
    }


def test_names_and_values_are_searched_at_every_depth() -> None:
    found = discreet(
        {"tags": {"ana@contoso.com": [{"owner": "bob@contoso.com"}]}, "count": 3, "on": True, "none": None}
    )

    assert found == {"tags": {ADDRESS: [{"owner": ADDRESS}]}, "count": 3, "on": True, "none": None}


def test_who_acted_stays_named() -> None:
    approval = {"by": "ana@contoso.com", "what": "as ana@contoso.com wanted"}

    assert discreet({"approvals": {"f1": approval}}) == {
        "approvals": {"f1": {"by": "ana@contoso.com", "what": f"as {ADDRESS} wanted"}}
    }


def test_a_long_text_without_an_end_takes_no_time() -> None:
    assert discreet({"message": "a" * 200_000 + "@" + "b." * 50_000})
