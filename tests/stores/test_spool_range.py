"""A part of the spool's copy on its way to a store, where the spool itself is in trouble."""

from pathlib import Path

import pytest

from dockd.errors import StoreChecksumMismatch
from dockd.ports.store import Outgoing
from dockd.stores.http.body import SpoolRange
from tests.fakes.clip_content import content_of, expected_of


def test_a_copy_that_the_disk_does_not_give_is_no_mistake_of_the_stores() -> None:
    """What cannot be read is the spool's trouble: the copy is read again, and operations act."""
    expected = expected_of(content_of(4096))
    # The kernel answers EIO for memory that is not there: a real read error without a bad disk.
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        part = SpoolRange(
            Outgoing(expected=expected, metadata={}, content=memory), offset=0, size_bytes=4096
        )
        with pytest.raises(StoreChecksumMismatch, match="cannot be read: Input/output") as raised:
            list(part.chunks(lambda _: None))
    assert raised.value.owner == "operations"
    assert part.taken_bytes == 0
