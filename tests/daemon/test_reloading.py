"""What a reload finds to have changed."""

from typing import Any

import pytest

from dockd.config import parse
from dockd.daemon.reloading import Change, compare


@pytest.mark.parametrize(
    ("new", "live", "later"),
    [
        ({}, (), ()),
        ({"uplink": {"rate_limit_mbit_s": 5}}, ("uplink.rate_limit_mbit_s",), ()),
        ({"spool": {"keep_stored_h": 1}}, ("spool.keep_stored_h",), ()),
        ({"power": {"budget_w": 30}}, ("power.budget_w",), ()),
        ({"power": {"driver": "usb-port"}}, (), ("power.driver",)),
        ({"shift": [{"start": "05:40", "cameras": 8}]}, ("shift",), ()),
        ({"http": {"listen": "127.0.0.1:1"}}, (), ("http.listen",)),
        ({"cameras": {"auto_slots": True}}, (), ("cameras.auto_slots",)),
        ({"slots": [{"name": "A1", "port": "1-1.1"}]}, (), ("slots",)),
    ],
)
def test_what_changed_is_named_by_its_key(
    new: dict[str, Any], live: tuple[str, ...], later: tuple[str, ...]
) -> None:
    """Each changed key is named once, and comparing causes no warning."""
    assert compare(parse({}), parse(new)) == Change(live=live, later=later)
