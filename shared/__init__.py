"""fipswarden: every AKS node pool in scope runs with FIPS on, and the nodes prove it."""

__version__ = "0.1.0"
