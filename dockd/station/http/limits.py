"""What one listener bears of those who ask: so much and so many, and for so long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds.

    ``connections_per_peer`` is for one address of those beyond the station.
    ``handshake_within_s`` is for agreeing on TLS, and for ending it; ``request_within_s`` for a
    whole request line with its headers, ``read_within_s`` for taking what was sent. Whoever follows
    is asked again for the key every ``key_again_s``.
    """

    connections: int = 200
    connections_per_peer: int = 32
    header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    handshake_within_s: float = 5.0
    request_within_s: float = 10.0
    body_within_s: float = 10.0
    read_within_s: float = 60.0
    key_again_s: float = 15.0
