"""The few exceptions of the product; what is expected is a value instead (a deferral, a refusal, unknown)."""

from datetime import timedelta


class FipswardenError(Exception):
    """Base of all of ours; its text says what, where and what to do."""


class ConfigError(FipswardenError):
    """Settings or a policy that the app can't work with; carries every fault at once."""

    def __init__(self, subject: str, faults: tuple[str, ...]) -> None:
        self.subject = subject
        """What is at fault, for example `settings` or the name of a policy file."""
        self.faults = faults
        """One line per fault: where, what, what to do."""
        super().__init__(f"{subject}: " + "; ".join(faults))


class TerminalError(FipswardenError):
    """Trying again will not help, and the text says what would.

    It shortens nothing by itself: only who reads a message takes it out at once; raised elsewhere, it brings the
    message again as any error does, until the Functions host has had enough.
    """


class TransientError(FipswardenError):
    """Trying again later may help."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        """When, if the other side said so."""
        super().__init__(message)


class LeaseLostError(FipswardenError):
    """Somebody else may work on this cluster now: the look must end without another write."""


class EvidenceError(FipswardenError):
    """Evidence can't be written or read as it has to be: nothing may be done that has to be recorded."""


class InputError(FipswardenError):
    """What a person gave (an argument, a file) can't be used; the text says what, where and what to do."""
