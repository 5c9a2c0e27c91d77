"""What is known of the link: measured, never guessed."""

from dockd.core import facts
from dockd.stages.uplink import UplinkBoard
from tests.fakes.still_clock import StillClock


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """The rate follows what was sent lately and falls to nothing when nothing is."""
    clock, sent = StillClock(), {"central": 0}
    board = UplinkBoard(
        clock=clock, breakers={}, sent_bytes=lambda: sent, limit_bytes_s=lambda: 1000.4
    )
    assert board.uplink().rate_bytes_s == 0
    for _ in range(20):
        clock.advance(1)
        sent["central"] += 500
        assert board.uplink().rate_bytes_s == 500
    for _ in range(12):
        clock.advance(1)
        board.uplink()
    last = board.uplink()
    assert (last.rate_bytes_s, last.limit_bytes_s) == (0, 1000)
    assert len(board._samples) < 15


def test_stores_are_what_was_committed_about_them() -> None:
    """Strength and last receipt follow the facts; the breaker is asked."""
    clock = StillClock()
    board = UplinkBoard(
        clock=clock,
        breakers={"central": lambda: "open"},
        sent_bytes=dict,
        limit_bytes_s=lambda: None,
    )
    before = board.stores()[0]
    assert (before.strength, before.last_receipt, before.breaker) == (None, None, "open")
    board.heard([facts.StoreProbed(store="central", strength="digest", detail="")])
    board.heard(
        [
            facts.ReceiptAccepted(
                clip=1, store="central", strength="digest", key="k", version="", size_bytes=1,
                sha256="s", how="checksum", epoch=1,
            )
        ]
    )  # fmt: skip
    after = board.stores()[0]
    assert (after.strength, after.last_receipt) == ("digest", "2026-11-23T02:00:00Z")
