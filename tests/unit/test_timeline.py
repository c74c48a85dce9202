"""The picture of a forecast: what it shows, that it is well-formed, and that names from outside stay text."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given

from shared.domain.budget import Budget
from shared.domain.forecast import Forecast, forecast
from shared.domain.limits import Limit
from shared.domain.matching import Match
from shared.domain.model import Mode
from shared.domain.pace import Pace
from shared.domain.policy import Disruption, Ring
from shared.domain.rulebook import Rulebook
from shared.domain.stage import Known, Start
from shared.domain.windows import Window
from shared.reports.timeline import timeline
from tests.builders import NOW, arm_cluster, book, cluster_id, disabled, profile
from tests.unit.strategies import any_text

SVG = "{http://www.w3.org/2000/svg}"
DEV, PROD = Ring("dev", Match(tags={"env": "dev"})), Ring("prod", Match(tags={"env": "prod"}))
WINDOW = Window((), time(22), timedelta(hours=4))


def foretold(rules: Rulebook, *fleet: dict[str, object], days: float = 10) -> Forecast:
    """A forecast over saved clusters."""
    from shared.domain.observe import read_cluster

    pace = Pace(timedelta(minutes=10), "given")
    known = tuple(Known(read_cluster(body)) for body in fleet)
    return forecast(Start(known, rules, Budget(), pace, NOW, NOW + timedelta(days=days)))


def clusters(count: int = 3, env: str = "dev") -> Iterator[dict[str, object]]:
    """Clusters with one pool to be done, each."""
    for number in range(count):
        yield {**arm_cluster(disabled(), tags={"env": env}), "id": cluster_id(f"aks-{env}-{number}").arm_id}


def drawn(found: Forecast) -> ET.Element:
    """The picture, read as XML."""
    return ET.fromstring(timeline(found))  # noqa: S314 (our own)


def texts(picture: ET.Element) -> list[str]:
    return [node.text or "" for node in picture.iter(f"{SVG}text")]


def shapes(picture: ET.Element, kind: str) -> list[ET.Element]:
    return [node for node in picture.iter() if node.get("class") == kind]


def test_pools_whose_ring_cannot_be_told_have_a_lane_of_their_own() -> None:
    asking = Ring("dev", Match(pool_tags={"env": "dev"}))
    found = foretold(book(rings=(asking, Ring("rest"))), arm_cluster(disabled(tags={"env": 7})))

    assert {"dev", "rest", "ring not known"} <= set(texts(drawn(found)))


def test_each_ring_has_a_lane_with_its_name_and_when_it_is_done() -> None:
    found = foretold(book(rings=(DEV, PROD)), *clusters(), *clusters(2, "prod"))

    shown = texts(drawn(found))

    assert [text for text in shown if text in ("dev", "prod", "in no ring")] == ["dev", "prod"]
    ends = [ring.finished for ring in found.rings]
    assert [f"done {end:%Y-%m-%d %H:%M} UTC" for end in ends if end] == [text for text in shown if text[:5] == "done "]
    assert shown[0] == f"FIPS on 5 node pools: done {found.fleet.finished:%Y-%m-%d %H:%M} UTC"


def test_a_day_is_a_bar_as_high_as_its_nodes() -> None:
    rules = book(windows=(WINDOW,), disruption=Disruption(spacing=timedelta(hours=3)))

    bars = shapes(drawn(foretold(rules, *clusters(3))), "bar")

    assert [bar[0].text for bar in bars] == ["2026-11-23: 3 nodes", "2026-11-24: 6 nodes"]
    low, high = (float(bar.get("height", "")) for bar in bars)
    assert high == 2 * low


def widths(found: Forecast) -> list[float]:
    return [float(shape.get("width", "")) for shape in shapes(drawn(found), "open")]


def test_what_is_shaded_is_when_reimages_may_begin() -> None:
    assert len(widths(foretold(book(windows=(WINDOW,)), *clusters(1)))) == 10
    assert widths(foretold(book(), *clusters(1))) == [580], "always, where no window restricts it"
    assert widths(foretold(book(), arm_cluster(profile()))) == [], "nothing is to begin"
    assert widths(foretold(book(cluster_maintenance=True), *clusters(1))) == [], "the clusters' own windows"


def test_a_short_window_can_be_seen_in_a_long_forecast() -> None:
    short = Window((), time(22), timedelta(hours=2))

    assert min(widths(foretold(book(windows=(short,)), *clusters(1), days=1000))) >= 1.5


def test_the_axis_says_which_year_it_is_and_its_dates_do_not_overlap() -> None:
    picture = drawn(foretold(book(), *clusters(1), days=100))

    dates = [node for node in picture.iter(f"{SVG}text") if re.match(r"\d\d \w{3}", node.text or "")]
    shown = [node.text for node in dates]
    assert shown[0] == "23 Nov 2026"
    assert [text for text in shown if text and len(text) > 6][1].endswith("Jan 2027")
    places = [float(node.get("x", "")) for node in dates]
    assert all(right - left >= 76 for left, right in pairwise(places))


def test_where_nothing_happens_the_legend_names_no_highest_bar() -> None:
    (legend,) = [text for text in texts(drawn(foretold(book(), arm_cluster(profile())))) if "shaded" in text]

    assert legend.startswith("no node is reimaged; ")


def test_a_name_that_is_too_long_is_whole_in_its_title() -> None:
    name = "production of the payments department"
    (lane,) = [
        node
        for node in drawn(foretold(book(rings=(Ring(name),)), *clusters(1))).iter(f"{SVG}text")
        if node.get("class") == "name"
    ]

    assert (lane.text, lane[0].tag, lane[0].text) == ("production of th…", f"{SVG}title", name)


def test_everything_lies_within_the_picture() -> None:
    rules = book(rings=(DEV,), windows=(WINDOW,), disruption=Disruption(concurrent=Limit(count=2)))

    picture = drawn(foretold(rules, *clusters(9), *clusters(2, "prod"), days=1.5))

    width, height = (float(number) for number in picture.get("viewBox", "").split()[2:])
    for node in picture.iter(f"{SVG}rect"):
        x, y, wide, tall = (float(node.get(name, "0")) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + tall <= height


def test_what_is_left_is_told_by_kind() -> None:
    found = foretold(book(Mode.AUDIT), *clusters(2), arm_cluster(profile()))

    shown = texts(drawn(found))

    assert "1 of 3 done" in shown
    assert "2 never" in shown
    assert shown[0] == "FIPS on 3 node pools: 2 not done by the end of 2026-12-03"


def test_a_fleet_that_is_done_says_so() -> None:
    assert "done now" in texts(drawn(foretold(book(), arm_cluster(profile()))))


def test_a_forecast_of_no_length_and_of_nothing_can_be_drawn() -> None:
    assert "FIPS on 0 node pools" in texts(drawn(foretold(book(), days=0)))[0]


def test_nothing_is_loaded_from_outside_and_nothing_runs() -> None:
    text = timeline(foretold(book(), *clusters()))

    assert not re.search(r"<script|<image|<foreignObject|@import|url\(|\son\w+=|href", text)
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_it_knows_light_and_dark() -> None:
    text = timeline(foretold(book()))
    light, dark = text.split("prefers-color-scheme: dark", 1)

    assert set(re.findall(r"--\w+(?=:)", light)) == set(re.findall(r"--\w+(?=:)", dark))
    assert set(re.findall(r"var\((--\w+)\)", text)) <= set(re.findall(r"--\w+(?=:)", light))


@given(any_text)
def test_any_name_of_a_ring_stays_text(name: str) -> None:
    found = foretold(book(rings=(DEV,)), *clusters(1))
    (ring, *_) = found.rings

    picture = drawn(replace(found, rings=(replace(ring, ring=name),)))

    assert {node.tag.removeprefix(SVG) for node in picture.iter()} <= {"svg", "title", "style", "rect", "line", "text"}
    timeline(replace(found, rings=(replace(ring, ring=name),))).encode()
