"""What a reply over HTTP means whatever is spoken: whose trouble it is, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from dockd.errors import (
    DockdError,
    StoreBusy,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
)

ERROR_BODY_BYTES: Final = 64 * 1024
# Of dockd's lifetime; at the ends of the calendar a clock that is followed falls off it.
_YEARS: Final = range(2020, 2200)
# As many digits as a size in bytes can have (2**64 has 20).
_DIGITS: Final = 20
# 408 timed out, 423 locked, 425 too early, 429 too many.
_PATIENCE: Final = frozenset({408, 423, 425, 429})
_NO: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_SUCCESS: Final = 2
_REDIRECTION: Final = 3
_CLIENT_ERROR: Final = 4
_SERVER_ERROR: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply, read to its end; header names are in lower case.

    ``cut`` is true when the body was longer than is read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False

    @property
    def good(self) -> bool:
        """True for a 2xx."""
        return _class_of(self.status) == _SUCCESS

    @property
    def date(self) -> datetime | None:
        """The store's time, in UTC; None where it says none that a station can have."""
        date = self.moment("date")
        return date if date is not None and date.year in _YEARS else None

    def moment(self, header: str) -> datetime | None:
        """Return the time that a header names, in UTC; None where it names none."""
        try:
            date = parsedate_to_datetime(self.headers[header])
        except (KeyError, ValueError, OverflowError):
            return None
        return date if date.tzinfo is not None else date.replace(tzinfo=UTC)

    def number(self, header: str) -> int | None:
        """Return a header that is a plain number; None where it is not there or anything else."""
        value = self.headers.get(header, "")
        plain = value.isascii() and value.isdigit() and len(value) <= _DIGITS
        return int(value) if plain else None

    @property
    def content_length(self) -> int:
        """The object's size in bytes.

        Raises:
            StoreUnreachable: the store does not say, so nothing can be concluded.
        """
        length = self.number("content-length")
        if length is None:
            raise StoreUnreachable("the store does not say how large the object is")
        return length


def error_of(
    reply: Reply,
    *,
    said: str,
    now: datetime,
    kind: type[DockdError] | None = None,
    code: str | None = None,
) -> DockdError:
    """Return the error that a reply is: a family's own ``kind``, or what its status says.

    ``said`` is the reason; ``now`` the store's time; ``code`` the family's own word for it.
    """
    kind = kind or kind_of(reply.status)
    if kind is StoreBusy:
        after_s = retry_after_s(reply, now=now)
        return StoreBusy(said, retry_after_s=after_s, status=reply.status, code=code)
    if _class_of(reply.status) == _REDIRECTION:
        return StoreUnreachable(
            f"{said} and points elsewhere; dockd never follows with its credentials",
            owner="operations",
            next_step="Correct the store's address or region, or look for a captive portal.",
            status=reply.status,
            location=reply.headers.get("location"),
        )
    return kind(said, status=reply.status, code=code)


def kind_of(status: int) -> type[DockdError]:
    """Return the error that a status is by itself."""
    if status in _PATIENCE or _class_of(status) == _SERVER_ERROR:
        return StoreBusy
    if status in _NO:
        return StoreRefusedCredentials
    # A bare 404 comes from something that is not the store: a proxy, a page.
    if status == HTTPStatus.NOT_FOUND or _class_of(status) != _CLIENT_ERROR:
        return StoreUnreachable
    return StoreRejected


def retry_after_s(reply: Reply, *, now: datetime) -> float | None:
    """Return how long the store asks to be left alone, in seconds (RFC 9110 section 10.2.3)."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        return None
    # Counted on the store's own clock where it gives one: ours may be wrong.
    return max(0.0, (until - (reply.date or now)).total_seconds())


def _class_of(status: int) -> int:
    return status // 100
