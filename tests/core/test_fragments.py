"""Several configuration files become one document, whichever of its readers joins them."""

from typing import Any

import pytest

from dockd.core.fragments import merge


@pytest.mark.parametrize(
    ("document", "more", "joined"),
    [
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, {"a": [{"b": 1}, {"b": 2}]}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"a": [{"b": 1}]}, {"a": []}, {"a": []}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({}, {"a": [{"b": 1}]}, {"a": [{"b": 1}]}),
    ],
)
def test_tables_join_lists_of_tables_grow_and_any_other_value_is_replaced(
    document: dict[str, Any], more: dict[str, Any], joined: dict[str, Any]
) -> None:
    """What a file in `dockd.d/` says comes to what the file beside it said, or takes its place."""
    merge(document, more)
    assert document == joined
