"""What a table looks like: for a person, and for a program."""

import sys

import pytest

from cli.show import print_table

HEADER = ("cluster", "state")
ROWS = [("rg/[red]aks", "compliant"), ("rg/a", "unknown")]


def test_a_pipe_gets_columns_that_a_program_can_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEADER, ROWS)
    assert capsys.readouterr().out == "cluster\tstate\nrg/[red]aks\tcompliant\nrg/a\tunknown\n"


def test_a_terminal_gets_a_table_in_which_names_are_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(HEADER, ROWS)
    said = capsys.readouterr().out
    assert "rg/[red]aks" in said, "no markup of a name's is obeyed"
    assert "│" in said


def test_a_terminal_without_rich_gets_aligned_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    print_table(HEADER, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "cluster      state",
        "rg/[red]aks  compliant",
        "rg/a         unknown",
    ]
