"""What an S3 store's reply means: which of dockd's errors it is, whose it is, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from dockd.errors import (
    DockdError,
    StoreBucketMissing,
    StoreBusy,
    StoreChecksumMismatch,
    StoreLostObject,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.stores.s3.xml import Element, NotXml, parse

# Codes decide before the status does. Source: Amazon S3 API Reference, "Error responses".
_BY_CODE: Final[Mapping[str, type[DockdError]]] = {
    "NoSuchBucket": StoreBucketMissing,
    "NoSuchUpload": UploadVanished,
    # A part that was confirmed is gone: as good as no upload, and begun again in the same way.
    "InvalidPart": UploadVanished,
    "NoSuchKey": StoreLostObject,
    "NoSuchVersion": StoreLostObject,
    "BadDigest": StoreChecksumMismatch,
    "InvalidDigest": StoreChecksumMismatch,
    "XAmzContentChecksumMismatch": StoreChecksumMismatch,
    "XAmzContentSHA256Mismatch": StoreChecksumMismatch,
    "EntityTooLarge": StoreRejected,
    "AccessDenied": StoreRefusedCredentials,
    "AuthorizationHeaderMalformed": StoreRefusedCredentials,
    "ExpiredToken": StoreRefusedCredentials,
    "InvalidAccessKeyId": StoreRefusedCredentials,
    "InvalidToken": StoreRefusedCredentials,
    "SignatureDoesNotMatch": StoreRefusedCredentials,
    "ConditionalRequestConflict": StoreBusy,
    "InternalError": StoreBusy,
    "OperationAborted": StoreBusy,
    "RequestTimeout": StoreBusy,
    "ServiceUnavailable": StoreBusy,
    "SlowDown": StoreBusy,
}
# 408 timed out, 423 locked, 425 too early, 429 too many.
_PATIENCE: Final = frozenset({408, 423, 425, 429})
_NO: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_MOST_SAID: Final = 200
ERROR_BODY_BYTES: Final = 64 * 1024
_SUCCESS: Final = 2
_REDIRECTION: Final = 3
_CLIENT_ERROR: Final = 4
_SERVER_ERROR: Final = 5
SKEW_CODE: Final = "RequestTimeTooSkewed"
MOST_SKEW_S: Final = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply, read to its end; header names are in lower case.

    ``cut`` is true when an error's body was longer than is read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False

    @property
    def ok(self) -> bool:
        """True for a 2xx without an ``<Error>`` in its body, which a 200 may well have."""
        return _class_of(self.status) == _SUCCESS and self.code is None

    @property
    def code(self) -> str | None:
        """The S3 error code, when the body is an ``<Error>``."""
        root = self._root()
        if root is None or root.name != "Error":
            return None
        return root.value("Code") or "without a code"

    @property
    def words(self) -> tuple[str, ...]:
        """The error's code and what the store says about it, for a person to read."""
        root = self._root()
        if root is None or root.name != "Error":
            return ()
        said = "".join(c if c.isprintable() else " " for c in root.value("Message") or "")
        return tuple(filter(None, (root.value("Code"), said[:_MOST_SAID])))

    @property
    def version(self) -> str:
        """The object's version, or "" where the bucket has none."""
        return self.headers.get("x-amz-version-id", "")

    @property
    def date(self) -> datetime | None:
        """The store's time, in UTC."""
        try:
            date = parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError):
            return None
        return date if date.tzinfo is not None else date.replace(tzinfo=UTC)

    @property
    def content_length(self) -> int:
        """The object's size in bytes.

        Raises:
            StoreUnreachable: the store does not say, so nothing can be concluded.
        """
        value = self.headers.get("content-length", "")
        if not (value.isascii() and value.isdigit()):
            raise StoreUnreachable("the store does not say how large the object is")
        return int(value)

    def document(self, name: str) -> Element:
        """Return the body's root element.

        Raises:
            StoreUnreachable: the body is cut off, or is not the document ``name``.
        """
        try:
            root = parse(self.body)
        except NotXml as error:
            raise StoreUnreachable(
                f"the store's {name} cannot be read: {error}", status=self.status
            ) from error
        # `rclone serve s3` leaves the "Result" out.
        if root.name not in {name, name.removesuffix("Result")}:
            raise StoreUnreachable(
                f"the store answered {root.name} where {name} was due", status=self.status
            )
        return root

    def etag(self) -> str:
        """Return the ETag header.

        Raises:
            StoreUnreachable: there is none, so nothing says that anything was stored.
        """
        etag = self.headers.get("etag", "")
        if not etag:
            raise StoreUnreachable("the store said yes without an ETag", status=self.status)
        return etag

    def _root(self) -> Element | None:
        if b"<Error" not in self.body:
            return None
        try:
            return parse(self.body)
        except NotXml:
            return None


def error_of(reply: Reply, *, request: str, now: datetime) -> DockdError:
    """Return the error that a reply is; ``request`` says what was asked, for the reason."""
    code = reply.code
    said = f"{request}: the store answered {' '.join((str(reply.status), *reply.words))}"
    kind = _BY_CODE.get(code or "") or _by_status(reply.status)
    if kind is StoreBusy:
        after_s = retry_after_s(reply, now=now)
        return StoreBusy(said, retry_after_s=after_s, status=reply.status, code=code)
    if _class_of(reply.status) == _REDIRECTION:
        return StoreUnreachable(
            f"{said} and points elsewhere; dockd never follows with its credentials",
            owner="operations",
            next_step="Correct the store's endpoint or region, or look for a captive portal.",
            status=reply.status,
            location=reply.headers.get("location"),
        )
    return kind(said, status=reply.status, code=code)


def _by_status(status: int) -> type[DockdError]:
    if status in _PATIENCE or _class_of(status) == _SERVER_ERROR:
        return StoreBusy
    if status in _NO:
        return StoreRefusedCredentials
    # A 404 without a code of S3's comes from something that is not the store: a proxy, a page.
    if status == HTTPStatus.NOT_FOUND or _class_of(status) != _CLIENT_ERROR:
        return StoreUnreachable
    return StoreRejected


def _class_of(status: int) -> int:
    return status // 100


def retry_after_s(reply: Reply, *, now: datetime) -> float | None:
    """Return how long the store asks to be left alone, in seconds (RFC 9110 section 10.2.3)."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        return None
    # Counted on the store's own clock where it gives one: ours may be wrong.
    return max(0.0, (until - (reply.date or now)).total_seconds())


def skewed(reply: Reply, *, now: datetime) -> bool:
    """Return whether the reply refuses our clock; a HEAD has no body that could say so."""
    if reply.code == SKEW_CODE:
        return True
    far = reply.date is not None and abs((reply.date - now).total_seconds()) > MOST_SKEW_S
    return reply.status == HTTPStatus.FORBIDDEN and not reply.body and far
