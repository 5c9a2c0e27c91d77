"""The table at the end, for a person, and the list of everything that was not as it must be."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from dockd.simulator.charging import Night, clock
from dockd.simulator.faults import Script
from dockd.simulator.judging import Judgement
from dockd.simulator.station import Verified

_HEADINGS: Final[Mapping[str, Literal["left", "right"]]] = {
    "camera": "left",
    "slot": "left",
    "clips": "right",
    "bytes": "right",
    "spool digest": "left",
    "store digest": "left",
    "versions": "right",
    "cleared": "left",
}


def show_cameras(
    console: Console, judgements: Sequence[Judgement], *, slots: Mapping[str, Sequence[str]]
) -> None:
    """Print a row for each camera; ``slots`` are those it was docked in, in order."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, title="What came of it", title_justify="left")
    for heading, justify in _HEADINGS.items():
        table.add_column(heading, justify=justify, no_wrap=True)
    for judgement in judgements:
        footage = judgement.footage
        table.add_row(
            footage.camera,
            "→".join(slots[footage.camera]),
            str(len(footage.clips)),
            f"{footage.size_bytes:,}",
            judgement.spool,
            judgement.store,
            _range(judgement.versions),
            "yes" if not judgement.left else f"no: {len(judgement.left)} left",
        )
    console.print(table)


def _range(versions: tuple[int, int]) -> str:
    fewest, most = versions
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def show_faults(console: Console, script: Script) -> None:
    """Print what went wrong on purpose, and how it went; nothing on a quiet day."""
    if not script.faults:
        return
    table = Table(box=box.SIMPLE_HEAD, title="What went wrong on purpose", title_justify="left")
    table.add_column("fault", no_wrap=True)
    table.add_column("how it went", overflow="fold")
    for fault in script.faults:
        complaint = fault.complaint()
        table.add_row(fault.title, fault.story() if complaint is None else f"NO: {complaint}")
    console.print(table)


def show_verified(console: Console, verified: Verified) -> None:
    """Print what `dockd verify` found."""
    answer = verified.answer
    console.print(
        f"dockd verify: {answer.get('checked', '?')} checked, {answer.get('ok', '?')} ok, "
        f"{len(answer.get('bad', ()))} bad, chain {answer.get('chain', '?')}; "
        f"exit status {verified.exit_status}",
        highlight=False,
    )


def show_night(console: Console, night: Night) -> None:
    """Print what the charge plan made of a simulated night."""
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        title="The night after: dockd's charge plan, simulated batteries",
        title_justify="left",
    )
    for heading in ("camera", "slot", "docked at", "held for", "enough from", "at its shift"):
        table.add_column(heading, justify="left" if heading in {"camera", "slot"} else "right")
    for each in night.cameras:
        enough = "never" if each.enough_s is None else f"{clock(each.enough_s):%H:%M}"
        table.add_row(
            each.camera,
            each.slot,
            f"{each.docked_percent:.0f} %",
            f"{each.held_s / 3600:.1f} h",
            enough,
            f"{each.percent:.0f} %",
        )
    console.print(table)
    console.print(
        f"charging: {night.ready} of {len(night.cameras)} cameras ready at 06:00; at most "
        f"{night.peak_w:.1f} W drawn and {night.reserved_w:g} W reserved of a budget of "
        f"{night.budget_w:g} W; {night.above80_h:.0f} h above 80 %, against "
        f"{night.today_above80_h:.0f} h if power went to whoever came first",
        highlight=False,
        soft_wrap=True,
    )


def verify_complaints(verified: Verified, *, clips: int) -> list[str]:
    """Return what `dockd verify` should have said and did not."""
    complaints = []
    if verified.exit_status:
        complaints.append(f"dockd verify ended with {verified.exit_status}: {verified.said[-500:]}")
    checked, ok = verified.answer.get("checked"), verified.answer.get("ok")
    if (checked, ok) != (clips, clips):
        complaints.append(f"dockd verify checked {checked} clips and passed {ok}, not {clips}")
    if verified.answer.get("chain") != "intact":
        complaints.append(f"dockd verify found the chain {verified.answer.get('chain')}")
    return complaints
