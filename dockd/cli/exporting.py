"""`dockd export`: footage out of the spool onto a disk, and what vouches for it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dockd.cli import options, showing
from dockd.cli.exits import Exit, errors_shown
from dockd.cli.options import AsJson, ConfigPath

_SAID: Final = {
    "exported": "exported",
    "already": "was exported already",
    "checked": "was checked, file by file",
}


def export(
    dockings: Annotated[
        list[str] | None,
        typer.Argument(metavar="DOCKING", help="As 20261123T015900Z-7f3a91c2; or --all."),
    ] = None,
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Each docking becomes a folder of its own in it.")
    ],
    every: Annotated[bool, typer.Option("--all", help="Every docking on record.")] = False,
    unstored: Annotated[
        bool,
        typer.Option(
            "--unstored",
            help="Every docking with a clip that too few stores have: what a courier takes.",
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Hash again what was exported already, as the disk has it."),
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Copy dockings onto a disk, proven, with all that vouches for them; also on a stopped station.

    Each is a folder with the footage, a manifest, SHA256SUMS and an ASC MHL history: `sha256sum -c
    SHA256SUMS` and `ascmhl-debug verify` check it anywhere. Killed or pulled out at any moment, the
    same command goes on where it stopped; what is whole is not copied again.

    Status 1 says that something is not in the export, or not what the record says: a clip that is
    not proven yet, or whose copy here made room, is named with its reason and its place.
    """
    from dockd.cli import courier  # noqa: PLC0415 - the station's parts, for this only

    with errors_shown(as_json=as_json):
        wanted = courier.Wanted(
            dockings=dockings or (), every=every, unstored=unstored, check=check
        )
        found = courier.export(options.load(config), wanted, folder=folder, shown=_progress)
    if as_json:
        showing.as_json(found)
    else:
        showing.lines(_for_people(found))
    if not found["whole"]:
        raise typer.Exit(Exit.NO)


@contextmanager
def _progress(total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Show how far it is, where somebody looks; on stderr, for stdout is the answer's."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("exporting"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=total_bytes)
        yield lambda count: progress.advance(task, count)


def _for_people(found: Mapping[str, Any]) -> Iterator[str]:
    for one in found["dockings"]:
        size = showing.size(one["size_bytes"])
        yield (
            f"{one['docking']} {_SAID[one['state']]}: {one['files']} clips, {size}, in"
            f" {one['folder']}"
        )
        for place in one["partial"]:
            yield f"  partial, as far as its camera gave it: {place}"
        for each in one["absent"]:
            yield f"  {'BAD' if each['bad'] else 'not here'}: {each['path']}: {each['reason']}"
        for reason in one["unvouched"]:
            yield f"  BAD: {reason}"
    if not found["dockings"]:
        yield "no docking is to be exported"
