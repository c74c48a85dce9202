"""CSV, POA&M and JSON: what a spreadsheet or a program makes of them is what the records say."""

import csv
import io
import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.assessment import Assessment
from shared.domain.fleet_assessment import Asked
from shared.domain.stated import REPORT_LIMITS
from shared.domain.verification import record_name
from shared.domain.wording import plain_text
from shared.reporting import assess
from shared.reports.cells import csv_lines, guarded
from shared.reports.csv_report import COLUMNS, csv_report
from shared.reports.json_report import SCHEMA, json_report
from shared.reports.poam import poam_report
from tests.builders import NOW
from tests.recorded import HOSTILE, LAB, MEDIA, OLD, PAY, recorded


@cache
def found() -> Assessment:
    made = recorded()
    return assess(made, Asked(NOW + timedelta(hours=1), heads=made.heads))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def table() -> list[dict[str, str]]:
    return rows("".join(csv_report(found())))


def plan() -> list[dict[str, str]]:
    return rows("".join(poam_report(found())))


@given(st.text())
def test_no_cell_begins_like_a_formula_and_each_keeps_what_can_be_seen(text: str) -> None:
    cell = guarded(text)

    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell.replace("'", "") == plain_text(text).replace("'", "")


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
def test_what_is_written_is_read_again_cell_by_cell(cells: list[list[str]]) -> None:
    text = "".join(csv_lines(cells))

    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [list(map(guarded, row)) for row in cells]
    assert text.count("\r\n") == len(cells)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＠x"])  # noqa: RUF001
def test_what_a_spreadsheet_would_work_out_is_text(text: str) -> None:
    assert guarded(text).startswith(("'", "?"))


def test_every_pool_is_a_row_with_both_words_and_the_certificates_apart() -> None:
    pools = {row["node pool"]: row for row in table() if row["row"] == "pool"}
    batch = pools["batch"]

    assert list(pools) == ["encoder", "apps", "legacy", "batch", "jobs"]
    assert (batch["FIPS switch"], batch["implementation"], batch["effectiveness"]) == (
        "on",
        "compliant",
        "inconsistent",
    )
    assert batch["nodes"] == "2 of 3 say yes at level kernel; 1 says no"
    assert batch["modules"] == "Azure Linux 3.0: none is known to be in use, as FIPS is not in effect"
    assert pools["apps"]["modules"] == "Azure Linux 3.0: unknown, by the list of 2026-05-01"
    assert pools["jobs"]["modules"] == "Azure Linux 3.0: none is known to be in use, as FIPS is not in effect"
    assert (batch["record"], batch["since"], batch["days"]) == (record_name(PAY.path, 7), "2026-11-14 09:30Z", "9")
    assert pools["legacy"]["owner"] == "'=payments"


def test_nothing_is_left_out_of_the_table() -> None:
    made = table()
    others = [(row["row"], row["cluster"]) for row in made if row["row"] in ("excluded", "gone", "unread", "cluster")]

    assert others == [
        ("excluded", LAB.arm_id),
        ("cluster", MEDIA.arm_id),
        ("gone", OLD.arm_id),
        ("unread", str(MEDIA)),
    ]
    assert {*REPORT_LIMITS} <= {row["message"] for row in made if row["row"] == "limit"}
    heads = {row["cluster"]: (row["record"], row["sha256"]) for row in made if row["row"] == "head"}
    assert heads == {path: (str(head.seq), head.hash) for path, head in recorded().heads.items()}


def test_the_columns_are_those_that_are_named() -> None:
    assert tuple(table()[0]) == COLUMNS


def test_the_plan_has_age_owner_and_due_date_the_worst_first() -> None:
    items = [row for row in plan() if row["POA&M ID"]]

    assert [(row["State"], row["Age (days)"], row["Scheduled Completion Date"]) for row in items] == [
        ("inconsistent", "9", ""),
        ("non_compliant", "9", "2026-11-25"),
        ("unknown", "0", ""),
        ("exempt", "9", "2026-12-25"),
    ]
    assert items[0]["Basis of the Date"] == "no date is set"
    assert items[2]["Point of Contact"] == f"'{HOSTILE}"
    assert items[3]["Point of Contact"] == "'=payments"
    assert items[3]["Operational Requirement"].startswith("waiver: legacy, RISK-17")
    assert items[1]["Controls"] == "CM-6, SC-13"


def test_an_item_keeps_its_id_while_it_is_open() -> None:
    later = assess(recorded(), Asked(NOW + timedelta(hours=9)))
    ids = {row["POA&M ID"] for row in rows("".join(poam_report(later)))}

    assert ids >= {row["POA&M ID"] for row in plan()}
    assert len({row["POA&M ID"] for row in plan() if row["POA&M ID"]}) == 4


def test_the_plan_says_what_could_not_be_read_and_what_it_is_made_from() -> None:
    said = [row["Comments"] for row in plan() if not row["POA&M ID"]]

    assert f"not read: {MEDIA}: Unreachable: ARM did not answer." in said
    assert {*REPORT_LIMITS} <= {*said}
    assert sum(one.startswith("made from ") for one in said) == len(recorded().heads)


def test_json_has_everything_for_programs() -> None:
    made: dict[str, Any] = json.loads("".join(json_report(found())))

    assert made["schema"] == SCHEMA
    assert made["summary"] == {
        "inconsistent": 1,
        "non_compliant": 1,
        "unknown": 1,
        "exempt": 1,
        "compliant": 1,
        "not_applicable": 0,
    }
    assert {*REPORT_LIMITS} < {*made["limits"]}
    assert made["unread"] == [{"what": str(MEDIA), "why": "Unreachable: ARM did not answer."}]
    assert [one["cluster"] for one in made["clusters"]] == [LAB.arm_id, MEDIA.arm_id, OLD.arm_id, PAY.arm_id]
    assert len(made["heads"]) == len(recorded().heads)
    assert {one["satisfied"] for one in made["controls"]} == {False}


@pytest.mark.parametrize("cell", ["payments;=1+1", "payments; @x", "a;;+1", 'payments;"=1+1', "payments|-1"])
@pytest.mark.parametrize("separator", [";", "|"])
def test_no_cell_is_a_formula_where_another_separator_is_the_usual_one(cell: str, separator: str) -> None:
    line = "".join(csv_lines([("a", cell, "c")]))
    (read,) = csv.reader([line], delimiter=separator)

    assert not [one for one in read if one.strip().startswith(("=", "+", "-", "@"))]
