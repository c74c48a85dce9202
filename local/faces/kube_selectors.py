"""What label and field selectors in a query pick (apimachinery pkg/labels, pkg/fields)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from local.faces.http import Json

Selector = Callable[[Json], bool]


def by_labels(text: str) -> Selector:
    """Compile a label selector; raise ValueError."""
    return _all([_label_term(term.strip()) for term in re.split(r",(?![^(]*\))", text) if term.strip()])


def _label_term(term: str) -> Selector:
    def of(found: Json) -> dict[str, str]:
        labels: dict[str, str] = found["metadata"].get("labels") or {}
        return labels

    if match := re.fullmatch(r"([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)", term):
        name, word, values = match[1], match[2], {value.strip() for value in match[3].split(",")}
        return lambda found: (of(found).get(name) in values) == (word == "in")
    if match := re.fullmatch(r"([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)", term):
        name, sign, value = match.groups()
        return lambda found: (of(found).get(name) == value) == (sign != "!=")
    if match := re.fullmatch(r"(!?)([\w./-]+)", term):
        absent, name = match.groups()
        return lambda found: (name in of(found)) != bool(absent)
    raise ValueError(f"unable to parse requirement: {term}")


_METADATA: Mapping[str, Callable[[Json], Any]] = {
    "metadata.name": lambda found: found["metadata"]["name"],
    "metadata.namespace": lambda found: found["metadata"].get("namespace", ""),
}


def by_fields(text: str, known: Mapping[str, Callable[[Json], Any]], *, lenient: bool = False) -> Selector:
    """Compile a field selector; raise ValueError for fields that can't be selected by, unless `lenient`."""
    fields = {**_METADATA, **known}
    terms: list[Selector] = []
    for term in filter(None, text.split(",")):
        match = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", term)
        if match and match[1] in fields:
            terms.append(_field_term(fields[match[1]], match[2], match[3]))
        elif not lenient:
            raise ValueError(f"field label not supported: {term}")
    return _all(terms)


def _field_term(read: Callable[[Json], Any], sign: str, value: str) -> Selector:
    return lambda found: (read(found) == value) == (sign != "!=")


def _all(terms: list[Selector]) -> Selector:
    return lambda found: all(term(found) for term in terms)
