"""How numbers read in sentences."""


def count(number: int, what: str, many: str = "") -> str:
    """Return `1 pool`, `2 pools`; `many` is what several are called where an `s` alone won't do."""
    return f"{number} {what}" if number == 1 else f"{number} {many or f'{what}s'}"
