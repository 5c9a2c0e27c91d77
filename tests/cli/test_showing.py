"""What people read on a terminal: the rack as it goes on, and names that do nothing there."""

import asyncio
import os
import pty
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from dockd.cli import showing
from dockd.core.slot import SlotEvent
from dockd.ports.camera import Sighting
from tests.cli.test_commands import configured
from tests.station.answering_parts import answering


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("BWC-1", "BWC-1"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("\x1b[2J\x07\x9b31m\u202e", "\\x1b[2J\\x07\\u009b31m\\u202e"),
        # What the station spelt out already is not spelt out twice.
        ("a\\x1b b", "a\\x1b b"),
        (None, ""),
    ],
)
def test_a_foreign_name_is_only_text(text: str | None, shown: str) -> None:
    """No name is markup, and none has anything in it that a terminal obeys."""
    assert showing.foreign(text).plain == shown


@pytest.mark.parametrize(
    ("verified", "total", "full", "width"),
    [(0, 100, 0, 12), (50, 100, 6, 12), (100, 100, 12, 12), (0, 0, 0, 0)],
)
def test_a_bar_shows_how_much_is_proven(verified: int, total: int, full: int, width: int) -> None:
    """A slot's bar grows with what is proven of its camera; without footage there is none."""
    console = Console(color_system="truecolor", force_terminal=True, width=40)
    with console.capture() as capture:
        console.print(showing._progress({"bytes_total": total, "bytes_verified": verified}))
    drawn = re.findall(r"\x1b\[([\d;]+)m([━╸╺]+)", capture.get())
    # What is left to do is grey.
    done = sum(len(part) for colour, part in drawn if colour != "38;5;237")
    left = sum(len(part) for colour, part in drawn if colour == "38;5;237")
    assert (done, left) == (full, width - full)


def keep_reading(terminal: int, said: bytearray) -> None:
    """Keep what is written to a terminal for as long as anybody has it.

    Of a terminal that nobody reads the buffer fills, and whoever writes to it never ends.
    """
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            said += piece


@pytest.mark.asyncio
@pytest.mark.real
async def test_the_rack_is_watched_as_it_goes_on(tmp_path: Path) -> None:
    """`dockd status --watch` shows a camera that comes while one looks, until Ctrl-C."""
    config = configured(tmp_path)
    async with answering(tmp_path) as station:
        ours, theirs = pty.openpty()
        watching = await asyncio.create_subprocess_exec(
            # Whoever runs the tests in the background of a script ignores Ctrl-C, and so would it.
            "env", "--default-signal=INT",
            sys.executable, "-m", "dockd", "status", "--watch", "--config", config,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "COLUMNS": "240", "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)
        said = bytearray()
        reading = asyncio.get_running_loop().run_in_executor(None, keep_reading, ours, said)

        async def until(words: bytes) -> None:
            async with asyncio.timeout(60):
                while words not in said:  # noqa: ASYNC110 - a thread reads, which sets no event
                    await asyncio.sleep(0.02)

        try:
            await until(b"lambeth-03")
            station.board.saw(
                Sighting(slot="A2", port=None, family="directory", serial="B-\x1b[7mX", token="")
            )
            station.board.event("A2", SlotEvent.IDENTIFIED)
            await until(rb"B-\x1b[7mX")
            watching.send_signal(signal.SIGINT)
            await watching.wait()
        finally:
            if watching.returncode is None:
                watching.kill()
            await watching.wait()
            await reading
            os.close(ours)
    assert b"Traceback" not in said
    assert not re.search(rb"\x1b\[7m", said)
