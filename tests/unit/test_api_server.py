"""Lists of an API server, which may be hostile: each ends, or is none, and nothing in one raises."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from shared.domain.api_server import PAGES, Answered, read_all, refused
from shared.domain.model import Unreadable
from shared.domain.observe import read_node


def page(more: Any = None, *items: Any) -> Answered:
    """A page of a list that goes on where it says."""
    return Answered(200, {"items": list(items), "metadata": {"continue": more}})


def listed(pages: Iterator[Answered]) -> tuple[Any, ...] | Unreadable:
    return read_all(lambda _: next(pages), "/api/v1/nodes", read_node, "nodes")


def is_unintelligible(found: Any) -> bool:
    return isinstance(found, Unreadable) and (found.reason, found.retry_after) == ("Unintelligible", None)


def test_a_list_that_leads_back_to_a_page_that_was_read_is_none() -> None:
    pages = iter([page("a"), page("b"), page("a")])

    assert is_unintelligible(listed(pages))
    assert next(pages, None) is None, "all three were needed to know"


def item(name: str, uid: str, namespace: str = "") -> Any:
    return {"metadata": {"name": name, "uid": uid, "namespace": namespace}}


@pytest.mark.parametrize("again", [item("a", "1"), item("a", "3"), item("c", "1")])
def test_a_list_in_which_something_stands_twice_is_none(again: Any) -> None:
    assert is_unintelligible(listed(iter([page(None, item("a", "1"), item("b", "2"), again)])))
    assert is_unintelligible(listed(iter([page("on", item("a", "1"), item("b", "2")), page(None, again)])))


def test_things_of_one_name_in_two_namespaces_are_two_and_no_uid_is_nobodys() -> None:
    found = listed(iter([page("on", item("a", "", "x")), page(None, item("a", "", "y"), item("b", ""))]))

    assert not isinstance(found, Unreadable)
    assert [one.name for one in found] == ["a", "a", "b"]


def test_a_list_without_a_last_page_is_none() -> None:
    asked = count(1)

    assert is_unintelligible(listed(page(str(number)) for number in asked))
    assert next(asked) == PAGES + 1


def test_a_list_of_as_many_pages_as_are_read_is_one() -> None:
    assert listed(page(str(number) if number < PAGES else None) for number in count(1)) == ()


@pytest.mark.parametrize("more", [5, {"a": 1}, ["a"], True])
def test_a_next_page_that_is_no_text_makes_a_list_none(more: Any) -> None:
    assert is_unintelligible(listed(iter([page(more)])))


def deep(value: Any) -> Any:
    for _ in range(5_000):
        value = [value]
    return value


def test_an_item_that_is_nested_too_deep_makes_a_list_none() -> None:
    item = {"metadata": {"name": "n", "labels": {"agentpool": deep("x")}}}

    assert is_unintelligible(listed(iter([page(None, item)])))


def test_words_of_a_refusal_that_are_no_text_are_none() -> None:
    found = refused(Answered(500, {"message": deep("x")}), "list nodes")

    assert found.message == "The API server said 500 when asked to list nodes."
