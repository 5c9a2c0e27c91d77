"""`make demo`: the main job for real, in a folder of its own, cleared away afterwards."""

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from rich.console import Console

from dockd.errors import DockdError, PermanentError
from dockd.simulator.footage import least_bytes
from dockd.simulator.performance import Options, Performance

INTERRUPTED: Final = 130
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The cameras, the spool, the store, and room for what a killed store leaves behind.
_ROOM_FACTOR: Final = 4
# A disk: /tmp may be memory, where reading back from the device proves nothing (DESIGN.md 4).
_DISK: Final = Path("/var/tmp")  # noqa: S108 - a folder of its own is made in it


def main(options: Options, *, console: Console) -> int:
    """Run the demo and return its exit status: 0 only if everything is as it must be.

    Raises:
        PermanentError: there is too little footage or too little room for it.
    """
    _check(options)
    folder = Path(tempfile.mkdtemp(prefix="dockd-demo-", dir=_disk()))
    complaints = ["the demo itself broke"]
    with _interrupted_once():
        try:
            complaints = Performance(folder, options=options, console=console).run()
        except KeyboardInterrupt:
            complaints = []
            console.print("interrupted; every process was ended")
            return INTERRUPTED
        except DockdError as error:
            complaints = [error.reason, error.next_step]
        finally:
            for complaint in complaints:
                console.print(f"FAILED: {complaint}", highlight=False, markup=False, soft_wrap=True)
            if options.keep or complaints:
                console.print(f"everything is kept in {folder}", highlight=False, soft_wrap=True)
            else:
                shutil.rmtree(folder)
    if complaints:
        return 1
    console.print("every byte arrived exactly once, and every camera is empty of footage")
    return 0


def _check(options: Options) -> None:
    """Refuse what cannot be shown before anything is made."""
    least = least_bytes(options.cameras, long_clip=options.faults)
    if options.size_bytes < least:
        raise PermanentError(
            f"{options.size_bytes:,} bytes are too little for {options.cameras} cameras"
            + (", one of which is to be pulled in mid-copy" if options.faults else ""),
            slug="demo-failed",
            next_step=f"Give at least --size {-(-least // 1024**2)}MiB, or fewer --cameras.",
        )
    free_bytes = shutil.disk_usage(_disk()).free
    needed_bytes = _ROOM_FACTOR * options.size_bytes
    if free_bytes < needed_bytes:
        raise PermanentError(
            f"the demo needs {needed_bytes:,} bytes in {_disk()}; {free_bytes:,} are free",
            slug="demo-failed",
            next_step="Make room, set TMPDIR to a folder on a larger disk, or give less --size.",
        )


def _disk() -> Path:
    """Return the folder to work in: $TMPDIR where it is set, else one that is on a disk."""
    chosen = Path(tempfile.gettempdir())
    return _DISK if chosen == Path("/tmp") and _DISK.is_dir() else chosen  # noqa: S108 - as above


@contextlib.contextmanager
def _interrupted_once() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the demo as ^C does, and only once.

    Whoever presses ^C again is not to stop the clearing away. What was ignored stays so.
    """
    before = {number: signal.getsignal(number) for number in _ENDING}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])
