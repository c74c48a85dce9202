"""The controls of NIST SP 800-53 that FIPS on node pools has to do with, and what each of them means here.

A dated data file: what a control asks is paraphrased there, and what it means here is our reading, which an assessor
may reject. It never claims more of a control than what evidence records can show.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from shared.domain.data_file import load

FILE = "controls.json"
"""The data file, in `shared/domain/data`."""


class Basis(StrEnum):
    """What a control is judged by here."""

    ENABLED = "enabled"
    """FIPS is on and proven."""
    VALIDATED = "validated"
    """The modules of the node images have active certificates."""
    SETTINGS = "settings"
    """The control plane's settings are as the policy asks."""
    DEVIATIONS = "deviations"
    """What is not as the policy asks is exempt."""
    MONITORING = "monitoring"
    """All could be read, and lately enough."""
    SUPPORTS = "supports"
    """By nothing: FIPS helps with it, and nobody here assesses it."""


class Baseline(StrEnum):
    """A baseline of FedRAMP, Rev. 5."""

    LI_SAAS = "LI-SaaS"
    LOW = "Low"
    MODERATE = "Moderate"
    HIGH = "High"


@dataclass(frozen=True, slots=True)
class Control:
    """One control, as far as it concerns node pools."""

    id: str
    """As NIST's OSCAL catalog spells it, such as `sc-13`."""
    title: str
    statement: str
    """Id of the control's statement that is meant."""
    basis: Basis
    asks: str
    """What the control asks for, in our words."""
    here: str
    """What it means for node pools."""
    source: str
    """Where in the standard it stands."""
    fedramp: tuple[Baseline, ...]
    """The baselines of FedRAMP that have it."""

    @property
    def name(self) -> str:
        """As people write it: `SC-13`."""
        return self.id.upper()


@dataclass(frozen=True, slots=True)
class Controls:
    """The whole data file."""

    standard: str
    as_of: date
    """When it was last compared with its source."""
    source: str
    baselines: str
    """Where the baselines were read."""
    controls: tuple[Control, ...]

    @property
    def assessed(self) -> tuple[Control, ...]:
        """The controls of which something is said."""
        return tuple(control for control in self.controls if control.basis is not Basis.SUPPORTS)


@cache
def controls() -> Controls:
    """Return the controls, read on first use; raises DataFileError."""
    return load(Controls, FILE)
