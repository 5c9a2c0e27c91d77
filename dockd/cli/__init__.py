"""The command line (typer and rich): what people on the station, and scripts, ask of dockd."""

from dockd.cli.commands import main

__all__ = ["main"]
