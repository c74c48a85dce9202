"""What this program's own crypto runs on: said, so that nothing is implied. It is not claimed to be validated."""

import platform
import ssl
from pathlib import Path

from shared import __version__

_KERNEL = Path("/proc/sys/crypto/fips_enabled")


def own_crypto(kernel: Path = _KERNEL) -> dict[str, str]:
    """Return the version of the program, of Python and of OpenSSL, and what the kernel says of FIPS."""
    try:
        fips = kernel.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        fips = "not known"
    return {
        "fipswarden": __version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "kernelFipsEnabled": fips,
    }
