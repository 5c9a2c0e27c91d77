"""Errors as `application/problem+json` (RFC 9457), with slug, reason, owner and next."""

import http
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dockd.errors import DockdError, IllegalFact, NotFound, Refused, RequestInvalid, TransientError

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something was not answered, who can do something about it, and what."""

    type: str
    title: str
    status: int
    detail: str
    slug: str
    reason: str
    owner: str
    next: str


def status_of(error: DockdError) -> int:
    """Return the HTTP status that says the same as `error`."""
    match error:
        case RequestInvalid():
            return http.HTTPStatus.BAD_REQUEST
        case NotFound():
            return http.HTTPStatus.NOT_FOUND
        case Refused() | IllegalFact():
            return http.HTTPStatus.CONFLICT
        case TransientError():
            return http.HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            return http.HTTPStatus.INTERNAL_SERVER_ERROR


def refusal(error: DockdError, *, status: int, headers: dict[str, str] | None = None) -> Response:
    """Return `error` as an answer."""
    body = Refusal(
        type="about:blank",
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=error.reason,
        **error.as_problem_details(),
    )
    return JSONResponse(
        jsonable_encoder(body), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as problem details, the framework's own included."""
    app.add_exception_handler(DockdError, _dockd_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(Exception, _unexpected)


async def _dockd_error(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, DockdError) else DockdError(str(error))
    return refusal(known, status=status_of(known))


async def _invalid(_: Request, error: Exception) -> Response:
    details = error.errors() if isinstance(error, RequestValidationError) else ()
    reasons = (f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in details)
    return refusal(RequestInvalid("; ".join(reasons)), status=http.HTTPStatus.BAD_REQUEST)


async def _framework_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    where = f"{request.method} {request.url.path}"
    if status == http.HTTPStatus.NOT_FOUND:
        return refusal(NotFound(f"there is nothing at {where}"), status=status)
    if status == http.HTTPStatus.METHOD_NOT_ALLOWED:
        reason = f"{where} is not something this listener does"
        return refusal(
            RequestInvalid(reason, slug="not-allowed-here"),
            status=status,
            headers=dict(headers or {}),
        )
    return refusal(RequestInvalid(f"{where}: {error}"), status=status)


async def _unexpected(request: Request, error: Exception) -> Response:
    reason = f"{request.method} {request.url.path} failed inside dockd ({type(error).__name__})"
    return refusal(DockdError(reason), status=http.HTTPStatus.INTERNAL_SERVER_ERROR)
