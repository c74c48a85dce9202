"""The demo's word on the day's manifest: that it has left the app by both ways, signed."""

import re
from email.message import Message

from local.demo_show import DemoError
from local.stack import LocalStack


def anchored(stack: LocalStack) -> str:
    """Return what left the app of the manifest, for people; raises DemoError if it has not, or is not signed."""
    told = [event["data"] for event in stack.topic.received if event["type"] == "Fipswarden.Manifest"]
    if len(told) != 1 or not told[0]["thumbprint"]:
        raise DemoError(f"one signed manifest was to reach the topic, and {told} did")
    (manifest,) = told
    if not any(manifest["sha256"] in one for one in mailed(stack)):
        raise DemoError("the daily mail does not hold the manifest's hash")
    return (
        f"[green]Its hash {manifest['sha256'][:16]}... over {manifest['chains']} chains is at the Event Grid topic and "
        f"in the mail[/green], signed by the key with thumbprint {manifest['thumbprint'][:16]}..."
    )


def mailed(stack: LocalStack) -> tuple[str, ...]:
    """Return the arguments of `fipswarden evidence verify` that the daily mail holds; raises DemoError for none."""
    found = re.search(r"fipswarden evidence verify (--manifest \S+) (--key=\S+)", _texts(stack))
    if found is None:
        raise DemoError("the daily mail does not say how to verify the evidence")
    return (*found[1].split(), found[2])


def _texts(stack: LocalStack) -> str:
    return "\n".join(_text(message) for message in stack.mail.messages)


def _text(message: Message) -> str:
    parts = (part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/plain")
    return "".join(part.decode() for part in parts if isinstance(part, bytes))
