"""What a person sees while the demo runs: a bar for each slot and the uplink, or plain lines."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

_LINE_EVERY_S: Final = 5.0
_MB: Final = 1_000_000
_UPLINK: Final = "uplink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """How much of the footage is proven in the spool and stored, over all dockings and starts.

    A slot's own figures begin anew with each docking, and a restart of dockd begins new ones.
    """

    proven_bytes: int
    stored_bytes: int


class Watching(Protocol):
    """Shows how the station is getting on; entered before the run, left after it."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Show no more."""

    def say(self, sentence: str) -> None:
        """Show one sentence that stays."""

    def show(self, status: Mapping[str, Any] | None, *, arrived: Arrived) -> None:
        """Show what /v1/status says (None: nobody answered) and how far everything is."""


def watching(console: Console, *, slots: tuple[str, ...], total_bytes: int) -> Watching:
    """Return bars for a terminal and lines for everything else."""
    if console.is_terminal:
        return Bars(console, slots=slots, total_bytes=total_bytes)
    return Lines(console, total_bytes=total_bytes)


class Bars:
    """One bar for each slot, with what is proven of its camera, and one for the uplink."""

    def __init__(self, console: Console, *, slots: tuple[str, ...], total_bytes: int) -> None:
        """Draw on ``console``; the uplink is done when ``total_bytes`` are stored."""
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:>6}"),
            TextColumn("{task.fields[camera]:<10}"),
            BarColumn(bar_width=30),
            DownloadColumn(binary_units=True),
            TextColumn("{task.fields[doing]}"),
            console=console,
            # Drawn when there is news, by this very thread; a thread of its own would outlive ^C.
            auto_refresh=False,
        )
        self._slots: dict[str, TaskID] = {
            slot: self._progress.add_task(slot, total=None, camera="", doing="") for slot in slots
        }
        self._uplink = self._progress.add_task(_UPLINK, total=total_bytes, camera="", doing="")

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the last picture standing."""
        self._progress.stop()

    def say(self, sentence: str) -> None:
        """Print above the bars."""
        self._progress.console.print(sentence, highlight=False)

    def show(self, status: Mapping[str, Any] | None, *, arrived: Arrived) -> None:
        """Draw the bars anew."""
        if status is None:
            self._progress.update(self._uplink, doing="dockd does not answer")
        else:
            for slot in status["slots"]:
                self._show_slot(slot)
            self._progress.update(
                self._uplink, completed=arrived.stored_bytes, doing=_uplink(status)
            )
        self._progress.refresh()

    def _show_slot(self, slot: Mapping[str, Any]) -> None:
        task = self._slots.get(slot["slot"])
        if task is None:
            return
        self._progress.update(
            task,
            camera=slot["camera"] or "",
            total=slot["bytes_total"] or None,
            completed=slot["bytes_verified"],
            doing=_doing(slot),
        )


class Lines:
    """Plain lines, for a log."""

    def __init__(self, console: Console, *, total_bytes: int) -> None:
        """Print to ``console``."""
        self._console = console
        self._total_bytes = total_bytes
        self._last_s = time.monotonic()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""

    def say(self, sentence: str) -> None:
        """Print it."""
        self._console.print(sentence, highlight=False, soft_wrap=True)

    def show(self, status: Mapping[str, Any] | None, *, arrived: Arrived) -> None:
        """Print one line every few seconds."""
        if time.monotonic() - self._last_s < _LINE_EVERY_S:
            return
        self._last_s = time.monotonic()
        if status is None:
            self.say("         dockd does not answer")
            return
        self.say(
            f"         {arrived.proven_bytes / self._total_bytes:4.0%} proven, "
            f"{arrived.stored_bytes / self._total_bytes:4.0%} stored; {_uplink(status)}"
        )


def _doing(slot: Mapping[str, Any]) -> str:
    """Return the state of a slot, and how many of its clips are where."""
    places = ", ".join(f"{count} {place}" for place, count in slot["clips"].items() if count)
    return f"{slot['state']}  {places}"


def _uplink(status: Mapping[str, Any]) -> str:
    uplink = status["uplink"]
    breakers = ", ".join(f"{store['name']} {store['breaker']}" for store in status["stores"])
    return (
        f"{uplink['rate_bytes_s'] / _MB:.0f} MB/s, {uplink['queued_clips']} clips queued; "
        f"breaker: {breakers}"
    )
