"""``holds.json`` in the spool's folder: every hold there is, beside the ledger and not in it."""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from dockd.core import hold as codec
from dockd.core.hold import Hold
from dockd.errors import SpoolReadOnly

FILE_NAME: Final = "holds.json"
DAMAGED_NAME: Final = f"{FILE_NAME}.damaged"


class SpoolHolds:
    """Implements ``dockd.ports.holds.HoldsFile``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A waiter may be cancelled while its write goes on; the next one must not meet it.
        self._door = threading.Lock()

    def read(self) -> Sequence[Hold]:
        """Return the holds; a file that cannot be believed is kept as ``holds.json.damaged``."""
        path = self._folder / FILE_NAME
        try:
            return codec.decode(path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            message = f"{FILE_NAME} cannot be read: {error.strerror}"
            raise ValueError(message) from error
        except ValueError:
            path.replace(self._folder / DAMAGED_NAME)
            raise

    def has_damaged(self) -> bool:
        """Return whether one that could not be believed is still there for a person to look at."""
        return (self._folder / DAMAGED_NAME).exists()

    def write(self, holds: Iterable[Hold]) -> None:
        """Write the whole file anew: whoever reads sees the old or the new one."""
        unfinished = self._folder / f"{FILE_NAME}.part"
        content = codec.encode(holds)
        with self._door:
            try:
                with unfinished.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(self._folder / FILE_NAME)
                self._sync_folder()
            except OSError as error:
                raise SpoolReadOnly(f"{FILE_NAME} was not written: {error.strerror}") from error

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
