"""Options that several commands share, and the configuration they lead to."""

from pathlib import Path
from typing import Annotated, Final

import typer

from dockd import config as configs
from dockd.cli.asking import Daemon
from dockd.config import Config

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="DOCKD_CONFIG",
        help="The configuration; its sibling folder dockd.d/ is read too. "
        "Default: /etc/dockd/dockd.toml.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Why = Annotated[
    str, typer.Option("--why", help="The reason. It goes on record with who asked, for good.")
]
_SUBJECT: Final = typer.Argument(
    metavar="CLIP|DOCKING|CAMERA",
    help="A clip's id (or 6 digits of it) or key; a docking, as 20261123T015900Z-7f3a91c2; "
    "or a camera's serial number.",
)
Subject = Annotated[str, _SUBJECT]
SubjectOrNone = Annotated[str | None, _SUBJECT]
SlotOrNone = Annotated[
    str | None,
    typer.Option("--slot", metavar="SLOT", help="A slot that was cut for safety, as A7."),
]


class Chosen:
    """The file that `dockd --config FILE COMMAND` named, for a command that names none."""

    config: Path | None = None


def load(path: Path | None) -> Config:
    """Return the configuration that counts. Raises ConfigInvalid."""
    return configs.load(path or Chosen.config)


def daemon(path: Path | None) -> Daemon:
    """Return the daemon of the configuration that counts. Raises ConfigInvalid."""
    return Daemon(load(path).http.socket)
