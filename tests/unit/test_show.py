"""Tables: in colour on a terminal, plain elsewhere, and never steered by a name."""

import io
import sys
from collections.abc import Callable

import pytest

from cli.show import plain_text, print_aligned, tolerant_output

HEADER = ("cluster", "state")
ROWS = [("rg/\x1b[31maks", "unknown (overdue)"), ("[red]rg[/red]/b", "compliant")]


class Screen(io.StringIO):
    """What a terminal shows."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, show: Callable[[], None], kind: str = "dumb") -> list[str]:
    """The lines that a terminal of 80 columns shows."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", kind)
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    show()
    return screen.getvalue().splitlines()


def test_in_a_pipe_columns_are_aligned_and_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_aligned((*HEADER, "message"), [(*row, "x" * 500) for row in ROWS])

    assert capsys.readouterr().out.splitlines() == [
        "cluster          state              message",
        f"rg/?[31maks      unknown (overdue)  {'x' * 500}",
        f"[red]rg[/red]/b  compliant          {'x' * 500}",
    ]


def test_on_a_terminal_states_are_in_colour_and_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert on_terminal(monkeypatch, lambda: print_aligned(HEADER, ROWS), "xterm") == [
        "cluster          state",
        "rg/?[31maks      \x1b[33munknown (overdue)\x1b[0m",
        "[red]rg[/red]/b  \x1b[32mcompliant\x1b[0m",
    ]


@pytest.mark.parametrize(("kind", "no_colour"), [("xterm", "1"), ("xterm", ""), ("dumb", None)])
def test_who_wants_no_colour_gets_none(kind: str, no_colour: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)

    assert not any("\x1b" in line for line in on_terminal(monkeypatch, lambda: print_aligned(HEADER, ROWS), kind))


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (("x" * 30, "y" * 36, "z" * 10), ["x" * 30 + "  " + "y" * 36 + "  " + "z" * 10]),
        (("x" * 30, "y" * 37, "z" * 10), ["x" * 30 + "  " + "y" * 35 + "…  " + "z" * 10]),
        (("x" * 30, "y" * 500, "z" * 10), ["x" * 30 + "  " + "y" * 35 + "…  " + "z" * 10]),
        (("x" * 60, "y" * 50, "z" * 10), ["x" * 60 + "  " + "z" * 10, "    " + "y" * 50]),
        (("x" * 60, "y" * 90, "z" * 90), ["x" * 60 + "  " + "z" * 90, "    " + "y" * 75 + "…"]),
    ],
)
def test_a_row_fits_by_its_message_alone(
    row: tuple[str, ...], shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = on_terminal(monkeypatch, lambda: print_aligned(("a", "message", "c"), [row]))

    assert lines[1:] == shown


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
