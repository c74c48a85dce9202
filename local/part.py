"""What every part of the local stack has in common: it starts, and it stops."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Part(ABC):
    """A context manager that starts when it is entered. A start that fails leaves nothing behind."""

    @abstractmethod
    def start(self) -> None:
        """Starts; once only. Raises what kept it from starting, such as OSError for a taken port."""

    @abstractmethod
    def stop(self) -> None:
        """Stops; calling it again, or after a start that failed, does nothing more."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
