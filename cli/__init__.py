"""The `fipswarden` command."""
