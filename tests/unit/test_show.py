"""Tables: in colour on a terminal, plain elsewhere, and never steered by a name."""

import io
import sys
from collections.abc import Callable

import pytest

from cli.show import plain_text, print_aligned, print_table, tolerant_output

HEADER = ("cluster", "state")
ROWS = [("rg/\x1b[31maks", "unknown (overdue)"), ("[red]rg[/red]/b", "compliant")]


class Screen(io.StringIO):
    """What a terminal shows."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, show: Callable[[], None]) -> list[str]:
    """The lines that a terminal of 80 columns shows."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    show()
    return screen.getvalue().splitlines()


def test_in_a_pipe_columns_are_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEADER, ROWS)

    assert capsys.readouterr().out.splitlines() == [
        "cluster\tstate",
        "rg/?[31maks\tunknown (overdue)",
        "[red]rg[/red]/b\tcompliant",
    ]


def test_on_a_terminal_names_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "\n".join(on_terminal(monkeypatch, lambda: print_table(HEADER, ROWS)))

    assert "│" in shown
    assert "rg/?[31maks" in shown
    assert "[red]rg[/red]/b" in shown, "a name is no markup"


def test_without_rich_a_terminal_gets_aligned_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)

    assert on_terminal(monkeypatch, lambda: print_table(HEADER, ROWS)) == [
        "cluster          state",
        "rg/?[31maks      unknown (overdue)",
        "[red]rg[/red]/b  compliant",
    ]


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (("x" * 30, "y" * 36, "z" * 10), ("x" * 30, "y" * 36, "z" * 10)),
        (("x" * 30, "y" * 37, "z" * 10), ("x" * 30, "y" * 35 + "…", "z" * 10)),
        (("x" * 30, "y" * 500, "z" * 10), ("x" * 30, "y" * 35 + "…", "z" * 10)),
        (("x" * 50, "y" * 50, "z" * 50), ("x" * 24 + "…", "y" * 24 + "…", "z" * 25 + "…")),
    ],
)
def test_a_row_fits_and_the_widest_cell_is_cut_first(
    row: tuple[str, ...], shown: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = on_terminal(monkeypatch, lambda: print_aligned(("a", "b", "c"), [row]))

    assert lines[1] == "  ".join(shown)


def test_a_letter_that_the_terminal_does_not_have_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))

    tolerant_output()
    print_aligned(("a",), [("rg-zürich",)])
    sys.stdout.flush()

    assert raw.getvalue() == b"a\nrg-z\\xfcrich\n"


def test_an_output_that_is_no_text_stream_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)

    tolerant_output()

    assert sys.stdout is stream


@pytest.mark.parametrize(
    ("text", "shown"),
    [("rg-zürich/aks", "rg-zürich/aks"), ("a\tb\x7f\x9b\u202e\ud800", "a?b????"), ("", "")],
)
def test_only_what_prints_is_printed(text: str, shown: str) -> None:
    assert plain_text(text) == shown
