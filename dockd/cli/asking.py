"""Asking the running daemon, over its Unix socket."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx2

from dockd.errors import DaemonUnreachable, DockdError, NotFound, Refused, RequestInvalid

_TIMEOUT_S: Final = 30.0
_ERRORS: Final[Mapping[int, type[DockdError]]] = {
    400: RequestInvalid,
    404: NotFound,
    405: Refused,
    409: Refused,
}


class Daemon:
    """The daemon that listens at one socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def get(self, path: str, **query: str | float | bool | None) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a question.

        Raises:
            DaemonUnreachable: nobody answers at the socket, or not for this user.
            DockdError: what the daemon says is wrong, in its own words.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        return self._answer("GET", path, params=asked)

    def order(self, verb: str, *, kind: str, reference: str, why: str, hold: str) -> Any:  # noqa: ANN401 - JSON
        """Give an order; raises as `get` does."""
        path = f"/v1/{kind}/{quoted(reference)}/{verb}"
        return self._answer("POST", path, body={"why": why, "kind": hold})

    def order_uploads(self, verb: str, *, why: str) -> Any:  # noqa: ANN401 - JSON
        """Pause or resume all uploads; raises as `get` does."""
        return self._answer("POST", f"/v1/uploads/{verb}", body={"why": why})

    def _answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        transport = httpx2.HTTPTransport(uds=str(self._socket))
        try:
            with httpx2.Client(
                transport=transport, base_url="http://dockd", timeout=_TIMEOUT_S
            ) as client:
                response = client.request(method, path, params=params, json=body)
        except httpx2.TransportError as error:
            raise DaemonUnreachable(f"no daemon answers at {self._socket}: {error}") from error
        if response.is_success:
            return response.json()
        raise _as_error(response.status_code, response.content)


def quoted(reference: str) -> str:
    """Return a reference as one path segment: a key's own slashes and percents stay its own."""
    return quote(reference, safe="")


def _as_error(status: int, content: bytes) -> DockdError:
    try:
        said = json.loads(content)
        return _ERRORS.get(status, DockdError)(
            said["reason"], slug=said["slug"], owner=said["owner"], next_step=said["next"]
        )
    except (ValueError, KeyError, TypeError):
        return DockdError(f"the daemon answered {status} and nothing that can be read")
