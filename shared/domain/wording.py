"""How numbers read in sentences, and how texts from outside are made safe to print."""


def count(number: int, what: str, many: str = "") -> str:
    """Return `1 pool`, `2 pools`; `many` is what several are called where an `s` alone won't do."""
    return f"{number} {what}" if number == 1 else f"{number} {many or f'{what}s'}"


def called(state: str) -> str:
    """Return a state as people write it: `non-compliant`, `not applicable`."""
    return state.replace("non_", "non-").replace("_", " ")


def plain_text(text: str) -> str:
    """Replace what is no printable character (control and bidirectional ones, halves of surrogate pairs) by `?`."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)
