"""AWS Signature Version 4, as S3 wants it.

Source: AWS General Reference, "Signing AWS API requests" (the canonical request, the string to
sign and the key's derivation), with S3's own two exceptions: the path is percent-encoded once
and never normalised, and ``x-amz-content-sha256`` is always sent. botocore is the oracle in the
tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request is signed with; ``session_token`` comes with temporary keys."""

    access_key: str
    secret_key: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A request as it will go out, before it is signed.

    ``path`` is percent-encoded (see `encoded_path`). Header names are in lower case; all of them
    are signed, so they must be the ones that are sent, ``host`` among them. ``payload_sha256`` is
    the hex digest of the body.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    payload_sha256: str


def encoded_path(path: str) -> str:
    """Return a path with every byte outside ``A-Za-z0-9-_.~/`` percent-encoded, once."""
    return quote(path, safe=f"/{_UNRESERVED}")


def encoded_query(query: Mapping[str, str]) -> str:
    """Return a query string in its canonical form, which is also the form to send."""
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in query.items()
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    request: Unsigned, *, credentials: Credentials, region: str, when: datetime
) -> dict[str, str]:
    """Return all the headers to send: those given, with date, digest, token and signature.

    ``when`` is in UTC and within 15 minutes of the store's clock.
    """
    stamp = f"{when:%Y%m%dT%H%M%SZ}"
    headers = {
        **request.headers,
        "x-amz-content-sha256": request.payload_sha256,
        "x-amz-date": stamp,
    }
    if credentials.session_token is not None:
        headers["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            request.method,
            request.path,
            encoded_query(request.query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)),
            "",
            names,
            request.payload_sha256,
        )
    )
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers
