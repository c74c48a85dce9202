"""The formats of a report by their names."""

from collections.abc import Callable, Iterator, Mapping

from shared.domain.assessment import Assessment
from shared.reports.csv_report import csv_report
from shared.reports.html_report import html_report
from shared.reports.json_report import json_report
from shared.reports.ocsf import ocsf_report
from shared.reports.oscal import oscal_report
from shared.reports.poam import poam_report

Writer = Callable[[Assessment], Iterator[str]]
"""Yields a report in pieces of text."""

FORMATS: Mapping[str, Writer] = {
    "csv": csv_report,
    "html": html_report,
    "json": json_report,
    "ocsf": ocsf_report,
    "oscal": oscal_report,
    "poam": poam_report,
}
"""`csv` and `poam` are tables for spreadsheets, `ocsf` has one event a line."""
