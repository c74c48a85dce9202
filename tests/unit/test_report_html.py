"""The page: well-formed, without scripts, nothing from outside in its markup, and complete."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser

from shared.domain.assessment import Assessment
from shared.domain.controls import controls
from shared.domain.fleet_assessment import Asked
from shared.domain.stated import REPORT_LIMITS
from shared.reporting import assess
from shared.reports.html_report import html_report
from tests.builders import NOW
from tests.recorded import HOSTILE, LAB, OLD, Recorded, recorded

VOID = {"meta", "br"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "ul", "li", "b", "section"),
    *("div", "table", "thead", "tbody", "tr", "th", "td", "br", "span", "footer", "code"),
}


class Page(HTMLParser):
    """A page as a browser would take it apart; fails where tags are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and "tr" in self.open and self.rows[-1]:
            self.rows[-1][-1] += data


@cache
def found() -> Assessment:
    made = recorded()
    return assess(made, Asked(NOW + timedelta(hours=1), heads=made.heads))


@cache
def page() -> Page:
    return Page("".join(html_report(found())))


def cells() -> Iterator[str]:
    for row in page().rows:
        yield from row


def test_it_is_well_formed_and_has_no_script_and_nothing_from_outside() -> None:
    assert page().open == []
    assert {tag for tag, _ in page().tags} <= TAGS
    assert {name for _, attributes in page().tags for name in attributes} <= {
        *("lang", "charset", "name", "content", "http-equiv", "class", "scope")
    }


def test_a_hostile_text_is_text() -> None:
    assert HOSTILE in page().texts


def test_every_pool_is_there_with_what_each_side_says() -> None:
    rows = {row[0]: row for row in page().rows if "/" in row[0]}

    batch = rows["rg-pay/aks-pay/batch"]
    assert batch[3].startswith("compliantFIPS on")
    assert batch[4].startswith("inconsistent2 of 3 say yes at level kernel; 1 says no")
    assert rows["rg-pay/aks-pay/legacy"][1] == "exemptFipsDisabled"
    assert rows["rg-media/aks-media/encoder"][1] == "unknownUnreachable"


def test_what_is_excluded_gone_or_not_read_is_there() -> None:
    assert [str(LAB), "excluded by the policy"] in page().rows
    assert [str(OLD), "does not exist any more"] in page().rows
    assert ["rg-media/aks-media", "Unreachable: ARM did not answer."] in page().rows


def test_the_limits_the_controls_and_the_heads_are_there() -> None:
    text = "".join(page().texts)

    for limit in REPORT_LIMITS:
        assert limit in text
    for control in controls().controls:
        assert control.here in text
    for head in recorded().heads.values():
        assert head.hash in set(cells())


def test_an_exemption_and_a_remediation_are_told_with_their_papers() -> None:
    text = "".join(page().texts)

    assert "the vendor's driver does not load" in text
    assert "RISK-17" in text
    assert "corr-1" in text


def test_a_report_of_nothing_says_so() -> None:
    empty = "".join(Page("".join(html_report(assess(Recorded(), Asked(NOW))))).texts)

    for said in (
        *(
            "nothing was judged",
            "there is no record of any cluster",
            "No record names an open finding.",
            "There is no node pool to judge.",
            "There were none.",
        ),
        *("There is no record.", "No manifest is among the records"),
    ):
        assert said in empty


def test_an_unsigned_manifest_is_called_unsigned() -> None:
    one = found().manifest
    assert one is not None
    made = "".join(html_report(replace(found(), manifest=replace(one, key=""))))

    assert ", with no signature that is good, holds the heads" in made
