"""The `dockd` command. `dockd run` takes a short way in: the daemon never pays for a terminal.

Everything that draws on a terminal is imported only for the other commands; the daemon's memory
would carry it for as long as it runs.
"""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path


def main() -> None:
    """Run the command line and exit with its status (DESIGN.md section 9)."""
    sys.exit(dispatch(sys.argv[1:]))


def dispatch(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    plain_run = _plain_run(arguments)
    if plain_run is not None:
        # What is imported stays: to look for garbage in it takes a tenth of the start.
        gc.disable()
        from dockd.daemon import run  # noqa: PLC0415 - only this way in needs it

        gc.freeze()
        gc.enable()
        return run(plain_run.config)
    from dockd import cli  # noqa: PLC0415 - all of typer and rich

    return cli.main(arguments)


class _PlainRun:
    """`dockd run`, perhaps with a configuration, and nothing else."""

    def __init__(self, config: Path | None) -> None:
        self.config = config


def _plain_run(arguments: Sequence[str]) -> _PlainRun | None:
    """Return what `dockd [--config FILE] run [--config FILE]` asks for; None for any other line.

    Whatever is not exactly that goes to the full command line, which explains what is wrong.
    """
    config: Path | None = None
    said_run = False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "run" and not said_run:
            said_run = True
        elif word == "--config" and rest:
            config = Path(rest.pop(0))
        elif word.startswith("--config=") and len(word) > len("--config="):
            config = Path(word.removeprefix("--config="))
        else:
            return None
    return _PlainRun(config) if said_run else None


if __name__ == "__main__":
    main()
