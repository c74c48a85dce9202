"""Alerts by mail, through a relay that trusts the app's network address.

There is no password: fipswarden holds no secrets of its own, and a relay that asks for one is not supported. Put a
relay of yours, or one that knows the app by its outbound address (an Exchange Online connector, for example),
into SMTP_HOST.
"""

import smtplib
import ssl
from collections.abc import Mapping

from shared.config import Mail
from shared.domain.addresses import is_address
from shared.domain.alert import Alert
from shared.domain.clouds import Cloud
from shared.errors import FipswardenError, TerminalError, TransientError
from shared.logs import logger
from shared.reports import mail

log = logger("mail")
_TIMEOUT = 20.0
"""Seconds to connect, and for each answer of the relay."""


class MailChannel:
    """shared.ports.Channel on an SMTP relay, by default with STARTTLS and a verified certificate."""

    name = "mail"

    def __init__(self, settings: Mail, cloud: Cloud, tls: ssl.SSLContext | None = None) -> None:
        self._settings, self._portal = settings, cloud.portal
        self._tls = tls or ssl.create_default_context()

    def send(self, alert: Alert) -> None:
        """Send one mail to all recipients; raises TransientError or TerminalError if the relay took it for none.

        A relay that refuses some recipients and takes the others has delivered: the refused ones are logged, since
        another try would only repeat the mail for the rest.
        """
        to = self._settings
        recipients = self._recipients(alert)
        message = mail.message(alert, self._portal, to.sender, recipients)
        try:
            with smtplib.SMTP(to.host, to.port, timeout=_TIMEOUT) as relay:
                if to.starttls:
                    # Raises where the relay does not offer it: the mail never goes out in the clear instead.
                    relay.starttls(context=self._tls)
                refused = relay.send_message(message, to.sender, recipients)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise _failure(error) from error
        if refused:
            log.error("mail recipients refused", extra={"key": alert.key, "recipients": _recipients(refused)})

    def _recipients(self, alert: Alert) -> tuple[str, ...]:
        """Return who gets an alert: one whose rule names other channels goes to its owner alone."""
        usual = self._settings.recipients
        owner = (alert.owner,) if is_address(alert.owner) and alert.owner not in usual else ()
        elsewhere = alert.channels and self.name not in alert.channels
        return owner if elsewhere and owner else (*usual, *owner)


def _failure(error: Exception) -> FipswardenError:
    match error:
        case smtplib.SMTPRecipientsRefused():
            said = f"mail: the relay refused every recipient: {_recipients(error.recipients)}"
            later = any(code < 500 for code, _ in error.recipients.values())
            return TransientError(said) if later else TerminalError(f"{said}; check the setting MAIL_TO")
        case smtplib.SMTPResponseException():
            said = f"mail: the relay said {error.smtp_code} {_text(error.smtp_error)}"
            return TransientError(said) if error.smtp_code < 500 else TerminalError(said)
        case smtplib.SMTPNotSupportedError():
            return TerminalError(f"mail: the relay can't do what is asked of it: {error}")
        case ssl.SSLCertVerificationError():
            return TerminalError(f"mail: the relay's certificate can't be trusted: {error.verify_message}")
        case ValueError():
            return TerminalError(f"mail: the message can't be sent: {error}")
        case _:
            return TransientError(f"mail: the relay can't be reached: {type(error).__name__}: {error}")


def _recipients(refused: Mapping[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {code} {_text(text)}" for who, (code, text) in sorted(refused.items()))


def _text(reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:200]
