"""The status page: files as they lie here, sent with rules that let nothing else into them."""

import hashlib
import http
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response

LOGIN_PATH: Final = "/login"
# What whoever has not logged in may see: what the login page is made of.
PUBLIC: Final = frozenset({LOGIN_PATH, "/page/page.css", "/page/icon.svg"})
_HERE: Final = Path(__file__).parent
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts, styles and data from the station itself and from nowhere else, none of them inline; no
# text becomes markup (`require-trusted-types-for`); no other site shows the page inside its own.
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), usb=()",
    "referrer-policy": "no-referrer",
    # Asked for anew each time, and not sent again while it is the same: an upgrade shows at once.
    "cache-control": "no-cache",
}


def add_to(app: FastAPI) -> None:
    """Let `app` answer with the page and what belongs to it."""
    _add(app, "/", "index.html")
    _add(app, LOGIN_PATH, "login.html")
    for file in sorted(_HERE.iterdir()):
        if file.suffix in _TYPES and file.suffix != ".html":
            _add(app, f"/page/{file.name}", file.name)


def redirect(path: str) -> Response:
    """Return an answer that sends a browser to another page of the station."""
    return Response(status_code=http.HTTPStatus.SEE_OTHER, headers={**HEADERS, "location": path})


def _add(app: FastAPI, path: str, name: str) -> None:
    content = (_HERE / name).read_bytes()
    headers = {**HEADERS, "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    media_type = _TYPES[Path(name).suffix]

    @app.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)
    async def file(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=http.HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(content, media_type=media_type, headers=headers)
