"""The kinds of values that configuration keys take, each with its unit and its spelling."""

import base64
import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]iB|[kMGT]B|B)?\s*")
_FACTOR: Final[dict[str | None, int]] = {
    None: 1,
    "B": 1,
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", start=1)},
}
_TIME_OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DEFAULT_CREDENTIALS: Final = "/run/credentials/dockd.service"
_SOCKET_PATH_LIMIT: Final = 107
_ED25519_KEY_BYTES: Final = 32
SYSTEM_ZONE: Final = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where TCP is listened on; port 0 lets the kernel choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def size_bytes(value: object) -> object:
    """Return a size in bytes from ``20 GiB``, ``1.5 GB`` or a number; other types are left alone.

    Raises:
        ValueError: it is text, and not a size.
    """
    if not isinstance(value, str):
        return value
    matched = _SIZE.fullmatch(value)
    if matched is None:
        raise ValueError("is not a size")
    return round(float(matched[1]) * _FACTOR[matched[2]])


def time_of_day(value: object) -> object:
    """Return a time from ``05:40``.

    Raises:
        ValueError: it is not a time of day.
    """
    matched = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise ValueError("is not a time of day")
    return time(int(matched[1]), int(matched[2]))


def credential(value: object) -> object:
    """Return where a secret is: a name without a slash lies in the service's credentials."""
    if not isinstance(value, str) or not value or "/" in value:
        return value
    return f"{os.environ.get('CREDENTIALS_DIRECTORY', _DEFAULT_CREDENTIALS)}/{value}"


def listen_address(value: object) -> ListenAddress:
    """Return the address in ``127.0.0.1:8470`` or ``[::1]:8470``.

    Raises:
        ValueError: it is not a host and a port.
    """
    if isinstance(value, ListenAddress):
        return value
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if not (colon and bare and port.isascii() and port.isdecimal()) or (":" in bare) != bracketed:
        raise ValueError("is not a host and a port")
    if int(port) > 65535:  # noqa: PLR2004 - the largest port there is
        raise ValueError("has a port beyond 65535")
    return ListenAddress(bare, int(port))


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError("is not an absolute path")
    return value


def _socket_path(value: Path) -> Path:
    if len(os.fsencode(value)) > _SOCKET_PATH_LIMIT:
        raise ValueError("is too long for a Unix socket")
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _timezone(value: str) -> str:
    if value:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("is not a time zone that this system knows") from error
    return value


def _url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        parts = urlsplit(value)
        # Asking for the port checks it.
        if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
            raise ValueError("is not an address of the kind meant here")
        return value

    return check


def _receipt_template(value: str | None) -> str | None:
    if value is None:
        return None
    fields = urlsplit(_url("https")(value))
    if not any(field in f"{fields.path}?{fields.query}" for field in ("{key}", "{upload}")):
        raise ValueError("does not say which clip it asks for")
    return value


def _public_key(value: object) -> bytes:
    key = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    if len(key) != _ED25519_KEY_BYTES:
        raise ValueError("is not an Ed25519 public key")
    return key


def _optional_http(value: str) -> str:
    return _url("http", "https")(value) if value else value


def _broker(value: str) -> str:
    return _url("mqtt", "mqtts")(value) if value else value


def _relative_pattern(value: str) -> str:
    if not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError("is not a pattern below the camera's root")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
Size = Annotated[int, BeforeValidator(size_bytes), Field(ge=0)]
TimeOfDay = Annotated[time, PlainValidator(time_of_day)]
Quantity = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveQuantity = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
SocketPath = Annotated[AbsolutePath, AfterValidator(_socket_path)]
CredentialFile = Annotated[AbsolutePath, BeforeValidator(credential)]
OptionalFile = Annotated[CredentialFile | None, BeforeValidator(_none_if_empty)]
TimeZoneName = Annotated[str, AfterValidator(_timezone)]
HttpUrl = Annotated[str, AfterValidator(_url("http", "https"))]
ReceiptUrl = Annotated[
    str | None, BeforeValidator(_none_if_empty), AfterValidator(_receipt_template)
]
OptionalHttpUrl = Annotated[str, AfterValidator(_optional_http)]
PublicKey = Annotated[bytes, PlainValidator(_public_key)]
OptionalPublicKey = Annotated[PublicKey | None, BeforeValidator(_none_if_empty)]
BrokerUrl = Annotated[str, AfterValidator(_broker)]
Pattern = Annotated[str, AfterValidator(_relative_pattern)]
UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}$")]
Port = Annotated[str, Field(pattern=r"^([a-z]+-\S+-usb-\d+:\d+(\.\d+)*|\d+-\d+(\.\d+)*)$")]
Bucket = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$")]
Listen = Annotated[ListenAddress, PlainValidator(listen_address)]
