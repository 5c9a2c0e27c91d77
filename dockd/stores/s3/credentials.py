"""Credentials from an AWS shared-credentials file, read again when the file changes."""

import configparser
from pathlib import Path
from typing import Final

from dockd.errors import StoreRefusedCredentials
from dockd.stores.s3.sigv4 import Credentials

_PROFILE: Final = "default"


class CredentialsFile:
    """The file's profile ``[default]``; whoever rotates the keys only replaces the file.

    Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._credentials: Credentials | None = None

    def current(self) -> Credentials:
        """Return the credentials as the file has them now.

        Raises:
            StoreRefusedCredentials: the file is missing, unreadable or lacks a key.
        """
        try:
            status = self._path.stat()
            # A file replaced within one tick of the clock still has another inode.
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if self._credentials is None or seen != self._seen:
                self._credentials = _parsed(self._path.read_text(encoding="utf-8"))
                self._seen = seen
        except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
            raise StoreRefusedCredentials(
                f"the credentials in {self._path} cannot be used: {_said(error)}",
                path=str(self._path),
            ) from error
        return self._credentials


def _parsed(text: str) -> Credentials:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.read_string(text)
    profile = parser[_PROFILE]
    return Credentials(
        access_key=profile["aws_access_key_id"],
        secret_key=profile["aws_secret_access_key"],
        session_token=profile.get("aws_session_token"),
    )


def _said(error: Exception) -> str:
    """Return what is wrong without quoting the file, which holds secrets."""
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return "it is not a shared-credentials file"
