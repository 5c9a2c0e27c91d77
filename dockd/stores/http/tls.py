"""Whom to believe over TLS and who we are there, from files that are replaced while dockd runs."""

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

_Seen = tuple[tuple[int, int, int], ...]


class TlsFiles:
    """A TLS context that keeps up with its files; connections that stand are left as they are.

    A certificate and its key are two files, and cannot be replaced in one moment: as long as the
    new ones cannot be used together, the old ones are. An authority that is taken out of
    ``ca_file`` is no longer believed after a restart.

    Attributes:
        context: What connections are made with, always the same one.
    """

    def __init__(self, *, ca_file: Path | None, cert: Path | None, key: Path | None) -> None:
        """Load what there is; without ``ca_file`` the system's authorities are believed.

        Raises:
            OSError: a file cannot be read, or is not what it should be (ssl.SSLError).
        """
        self._ca_file: Final = ca_file
        self._cert: Final = cert
        self._key: Final = key
        self._seen = self._look()
        # The system's certificates, which an administrator can add to, unless a file is named.
        self.context: Final = ssl.create_default_context(cafile=ca_file)
        self._load_into(self.context)

    def refresh(self) -> None:
        """Take over files that have been replaced; those that cannot be used change nothing."""
        with suppress(OSError):
            seen = self._look()
            if seen != self._seen:
                self._load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
                self._load_into(self.context)
                self._seen = seen

    def _load_into(self, context: ssl.SSLContext) -> None:
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        if self._cert is not None:
            context.load_cert_chain(self._cert, self._key)

    def _look(self) -> _Seen:
        found = [path.stat() for path in (self._ca_file, self._cert, self._key) if path is not None]
        return tuple((status.st_mtime_ns, status.st_ino, status.st_size) for status in found)
