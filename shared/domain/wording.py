"""How numbers read in sentences."""


def count(number: int, what: str) -> str:
    """Return `1 pool`, `2 pools`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
