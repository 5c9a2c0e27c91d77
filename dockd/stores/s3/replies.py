"""What an S3 store's reply means: which of dockd's errors it is, whose it is, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
from dockd.stores.http import replies
from dockd.stores.http.replies import Reply
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
_MOST_SAID: Final = 200
SKEW_CODE: Final = "RequestTimeTooSkewed"
MOST_SKEW_S: Final = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Reply(Reply):
    """A reply of S3's, whose body may say more than its status."""

    @classmethod
    def of(cls, reply: Reply) -> "S3Reply":
        """Return a reply as one of S3's."""
        return cls(status=reply.status, headers=reply.headers, body=reply.body, cut=reply.cut)

    @property
    def ok(self) -> bool:
        """True for a 2xx without an ``<Error>`` in its body, which a 200 may well have."""
        return self.good and self.code is None

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


def error_of(reply: S3Reply, *, request: str, now: datetime) -> DockdError:
    """Return the error that a reply is; ``request`` says what was asked, for the reason."""
    code = reply.code
    said = f"{request}: the store answered {' '.join((str(reply.status), *reply.words))}"
    return replies.error_of(reply, said=said, now=now, kind=_BY_CODE.get(code or ""), code=code)


def skewed(reply: S3Reply, *, now: datetime) -> bool:
    """Return whether the reply refuses our clock; a HEAD has no body that could say so."""
    if reply.code == SKEW_CODE:
        return True
    far = reply.date is not None and abs((reply.date - now).total_seconds()) > MOST_SKEW_S
    return reply.status == HTTPStatus.FORBIDDEN and not reply.body and far
