"""Files that people write, the policy and the exemptions, as the app reads them."""

from dataclasses import dataclass

from shared.domain.model import Unreadable


@dataclass
class MemoryText:
    """shared.ports.Text that a test writes."""

    text: str | Unreadable
    name: str = "policy.yaml"

    def read(self) -> str | Unreadable:
        """Return it as it is now."""
        return self.text
