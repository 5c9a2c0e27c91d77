"""Where a store is, whom to believe there, who we are to it, and how long to wait."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Deadlines of single steps; none bounds a whole transfer, which may take hours.

    Attributes:
        connect_s: Until a connection stands, TLS included.
        progress_s: How long nothing may move on a connection: no byte of a body acknowledged, none
            of a reply received. A link however slow is waited for, a dead one is given up.
        reply_s: From a reply's first byte to its last, for who drips is never silent; of an
            object's content, until 64 KiB more of it are here.
        why_s: Until a reply to the question why a body failed.
        complete_s: Until the first byte of a reply that a store has to work for, such as making
            one large object of its parts, which can take minutes.
    """

    connect_s: float = 20.0
    progress_s: float = 60.0
    reply_s: float = 600.0
    why_s: float = 15.0
    complete_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One store's address and the way to it.

    Attributes:
        url: ``http://`` or ``https://`` with host and port; what follows them does not matter here.
        ca_file: Certificates to trust instead of the system's.
        client_cert: The station's certificate for mutual TLS, with ``client_key``.
    """

    url: str
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    patience: Patience = Patience()
