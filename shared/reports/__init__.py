"""Posture, evidence and alerts in the forms that people and other programs read."""
