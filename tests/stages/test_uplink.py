"""What is known of the link: measured, never guessed."""

from pathlib import Path

import pytest

from dockd.core import facts
from dockd.ports.ledger import StoreMemory
from dockd.stages.uplink import UplinkBoard
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts


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


@pytest.mark.asyncio
async def test_what_was_known_of_a_store_outlives_a_restart(tmp_path: Path) -> None:
    """After a restart a store's strength, its last receipt and the checkpoint are known at once."""
    path = tmp_path / "ledger.sqlite3"
    with parts.ledger_at(path) as ledger:
        assert await ledger.store_memory(parts.STORE) == StoreMemory(
            strength=None, last_receipt_at=None
        )
        assert await ledger.last_checkpoint() is None
        await ledger.record(parts.docked(), *parts.proven(1), *parts.stored(1))
        await ledger.record(facts.StoreProbed(store=parts.STORE, strength="digest", detail=""))
        checkpoints = [
            facts.Checkpointed(where="spool", sequence=number, root="r") for number in (1, 2)
        ]
        await ledger.record(*checkpoints)
    with parts.ledger_at(path) as ledger:
        board = UplinkBoard(
            clock=StillClock(),
            breakers={parts.STORE: lambda: "closed", "other": lambda: "closed"},
            sent_bytes=dict,
            limit_bytes_s=lambda: None,
        )
        for store in (parts.STORE, "other"):
            board.recall(store, await ledger.store_memory(store))
        known, unknown = board.stores()
        assert (known.strength, known.last_receipt) == ("digest", "2026-11-23T02:00:00Z")
        assert (unknown.strength, unknown.last_receipt) == (None, None)
        assert await ledger.last_checkpoint() == checkpoints[-1]
