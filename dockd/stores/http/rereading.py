"""A file of secrets that is read again when it changes: whoever rotates them replaces the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from dockd.errors import StoreRefusedCredentials

T = TypeVar("T")


class RereadFile(Generic[T]):
    """What a file says, as it says it now."""

    def __init__(self, path: Path, *, parse: Callable[[str], T]) -> None:
        """``parse`` raises ValueError with what is wrong, never quoting the file."""
        self._path = path
        self._parse = parse
        self._seen: tuple[int, int, int] | None = None
        self._content: T | None = None

    def current(self) -> T:
        """Return the content as the file has it now.

        Raises:
            StoreRefusedCredentials: the file is missing, unreadable or not what it should be.
        """
        try:
            status = self._path.stat()
            # A file replaced within one tick of the clock still has another inode.
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if self._content is None or seen != self._seen:
                self._content = self._parse(self._path.read_text(encoding="utf-8"))
                self._seen = seen
        except (OSError, ValueError) as error:
            raise StoreRefusedCredentials(
                f"the credentials in {self._path} cannot be used: {_said(error)}",
                path=str(self._path),
            ) from error
        return self._content


def _said(error: Exception) -> str:
    """Return what is wrong without quoting the file, which holds secrets."""
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
    return str(error)
