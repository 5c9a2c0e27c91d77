"""The checkpoint in the spool's folder: the head of the record, kept outside the ledger."""

import os
from pathlib import Path
from typing import Final

from dockd.core.custody import Checkpoint, encode_checkpoint, parse_checkpoint
from dockd.errors import SpoolReadOnly
from dockd.station.ledger.connections import fsync_folder

FILE_NAME: Final = "checkpoint.json"


def write_checkpoint(folder: Path, *, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``folder``, durable and whole: whoever reads sees the old or the new.

    Raises:
        SpoolReadOnly: it could not be written.
    """
    unfinished = folder / f"{FILE_NAME}.part"
    try:
        with unfinished.open("wb") as file:
            file.write(encode_checkpoint(checkpoint) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / FILE_NAME)
        fsync_folder(folder)
    except OSError as error:
        raise SpoolReadOnly(f"the checkpoint could not be written: {error.strerror}") from error


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in ``folder``; None when there is none, or none that can be read.

    A checkpoint that is damaged says nothing: the one in the store still does.
    """
    try:
        return parse_checkpoint((folder / FILE_NAME).read_bytes())
    except (OSError, ValueError):
        return None
