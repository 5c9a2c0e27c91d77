"""Addresses at a tus store, every one of them on the store's own origin, whatever it says."""

from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from dockd.errors import StoreUnreachable

KEY: Final = "{key}"
UPLOAD: Final = "{upload}"
_LONGEST: Final = 2048
_PORTS: Final = {"http": 80, "https": 443}
# What clients of other makes read in more than one way (RFC 3986 has no place for them).
_AMBIGUOUS: Final = frozenset('\\"<>^`{|}')


def creation_target(url: str, *, key: str) -> str:
    """Return the path, with its query, at which a clip's upload is created."""
    return _target(url.replace(KEY, quote(key, safe="/")))


def question_target(url: str) -> str:
    """Return the path at which the server is asked what it can do."""
    return _target(url.partition(KEY)[0])


def receipt_target(template: str, *, key: str, upload: str) -> str:
    """Return the path at which a clip's receipt is; each field is one percent-encoded piece.

    An upload's field is its name at the store, the last piece of its path.
    """
    name = unquote(urlsplit(upload).path.rstrip("/").rpartition("/")[2])
    filled = template.replace(UPLOAD, quote(name, safe="")).replace(KEY, quote(key, safe=""))
    return _target(filled)


def upload_target(location: str, *, asked: str) -> str:
    """Return the path, with its query, that a ``Location`` names, relative to what was ``asked``.

    Raises:
        StoreUnreachable: it leads to another origin, or is no address that is read in one way.
    """
    if not location or len(location) > _LONGEST or not all(map(_is_plain, location)):
        raise _refused("an address that cannot be read")
    try:
        joined = urljoin(asked, location)
        parts = urlsplit(joined)
        same = _origin(joined) == _origin(asked)
    except ValueError as error:
        raise _refused("an address that cannot be read") from error
    if not same or parts.username is not None or parts.password is not None:
        raise _refused(f"an address at {parts.scheme}://{parts.hostname}")
    return _target(joined)


def same_origin(one: str, other: str) -> bool:
    """Return whether two addresses are of one scheme, host and port."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_plain(character: str) -> bool:
    return "!" <= character <= "~" and character not in _AMBIGUOUS


def _refused(what: str) -> StoreUnreachable:
    return StoreUnreachable(
        f"the store put an upload at {what}: dockd keeps to the store's own origin",
        owner="operations",
        next_step="Have the server name its uploads at the configured address; behind a proxy, "
        "have it told that address (X-Forwarded-Proto and -Host).",
    )
