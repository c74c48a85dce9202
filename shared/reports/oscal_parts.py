"""What all parts of an OSCAL document are made of: ids, properties, and texts that its fields may hold."""

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.domain.assessed import Source
from shared.domain.ids import ClusterId
from shared.domain.records import Head
from shared.domain.verification import record_name
from shared.reports.facts import clean
from shared.reports.words import BEHIND

Json = dict[str, Any]
VERSION = "1.2.1"
"""Of OSCAL: the one that compliance-trestle in requirements-dev.txt validates."""
NS = "urn:fipswarden:oscal"
"""Namespace of our properties."""
_MARKUP = re.compile(r"([\\<>\[\]*~^{}])")
"""What OSCAL's Markdown would take for a mark (https://pages.nist.gov/OSCAL/reference/datatypes, markup-multiline)."""
_LONG = 20_000


def uuid(*parts: str) -> str:
    """Return an id that is the same for the same parts (RFC 4122, version 5)."""
    return str(uuid5(NAMESPACE_URL, "/".join((NS, *parts))))


TOOL = uuid("tool", "fipswarden")
"""The id of the component that observes: this app."""
ORIGIN: list[Json] = [{"actors": [{"type": "tool", "actor-uuid": TOOL}]}]


def line(text: str) -> str:
    """Return a title: one visible line, never empty, without marks."""
    return _MARKUP.sub(r"\\\1", clean(text)) or "-"


def prose(text: str) -> str:
    """Return a description: visible text, never empty, in which nothing is a mark."""
    return _MARKUP.sub(r"\\\1", clean(text, _LONG)) or "-"


def prop(name: str, value: str) -> Json:
    """Return a property of ours; a value is one visible line, and never empty."""
    return {"name": name, "ns": NS, "value": clean(value, 1000) or "-"}


def pool_uuid(cluster: ClusterId, pool: str) -> str:
    """Return the id of a node pool as a subject."""
    return uuid("pool", cluster.path, pool)


def cluster_uuid(cluster: ClusterId) -> str:
    """Return the id of a cluster as a subject."""
    return uuid("cluster", cluster.path)


def evidence(source: Source) -> list[Json]:
    """Return the record that something rests on: its name in the pack, and its hash."""
    told = f"Evidence record {source.name}, SHA-256 {source.hash}"
    props = [prop("record-sha256", source.hash)]
    if source.behind:
        told, props = f"{told}. {BEHIND}", [*props, prop("manifest", BEHIND)]
    return [{"href": source.name, "description": prose(told), "props": props}]


def head_uuid(path: str, digest: str) -> str:
    """Return the id of a chain's head as a resource."""
    return uuid("head", path, digest)


def resource(path: str, head: Head) -> Json:
    """Return the head of a chain that the document is made from, with its hash."""
    name = record_name(path, head.seq)
    return {
        "uuid": head_uuid(path, head.hash),
        "title": line(f"Evidence chain {path}, up to record {head.seq}"),
        "rlinks": [{"href": name, "hashes": [{"algorithm": "SHA-256", "value": head.hash}]}],
    }
