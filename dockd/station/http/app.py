"""The routes of DESIGN.md sections 6 and 9; the answers are `ports.answers`, word for word."""

import http
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dockd.core import health
from dockd.core.clip import Place
from dockd.core.facts import JsonValue
from dockd.errors import RequestInvalid
from dockd.ports import answers
from dockd.ports.station import (
    ClipQuery,
    Order,
    StationActions,
    StationNews,
    StationView,
    SubjectKind,
    UplinkOrder,
    UplinkVerb,
    Verb,
)
from dockd.station import metrics
from dockd.station.http import description, page, refusals
from dockd.station.http.connection import EVENTS_PATH
from dockd.station.http.peers import Peer
from dockd.station.http.stream import EventStream, Followers

Limit = Annotated[int, Query(ge=1, le=1000, description="how many at the most")]
# More digits than these no ledger has, and SQLite bears.
Cursor = Annotated[
    str | None, Query(pattern="^[0-9]{0,18}$", description="the `next` of the page before")
]


def _written_as_a_day(value: object) -> object:
    # A number would be taken for the seconds since 1970.
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


Day = Annotated[
    date | None,
    BeforeValidator(_written_as_a_day),
    Query(description="UTC: of what was last seen in its dockings"),
]


def _asked_once(request: Request) -> None:
    """Refuse a question that says one thing twice: nobody can know which of them is meant."""
    names = [name for name, _ in request.query_params.multi_items()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RequestInvalid(f"{', '.join(twice)}: given more than once")


ONCE = (Depends(_asked_once),)
_SEQUENCE_DIGITS = 18
_ORDER_PATH = "/v1/{kind}/{reference:path}/{verb}"
_UPLINK_PATH = "/v1/uploads/{verb}"


# Spaces alone are no reason, and the description says so.
Why = Annotated[
    str,
    Field(min_length=1, max_length=2000, pattern=r"\S", description="the reason, for the record"),
]


class OrderBody(BaseModel):
    """Why something is ordered, and for a hold or its release, which kind."""

    model_config = ConfigDict(extra="forbid", strict=True)

    why: Why
    kind: Literal["error", "legal"] = Field(default="error", description="the kind of hold")


class UplinkOrderBody(BaseModel):
    """Why uploads are paused, or go on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    why: Why


class HealthAnswer(JSONResponse):
    """A health document (draft-inadarei-api-health-check-06)."""

    media_type = health.MEDIA_TYPE


class MetricsAnswer(Response):
    """What Prometheus reads."""

    media_type: str | None = metrics.CONTENT_TYPE


class _StationApp(FastAPI):
    """Says in its description what FastAPI cannot know."""

    def openapi(self) -> dict[str, Any]:
        """Return the description."""
        return description.completed(super().openapi())


def build_app(
    view: StationView, *, news: StationNews, actions: StationActions, version: str
) -> FastAPI:
    """Return the station's application; it does nothing but ask the station and tell `actions`."""
    app = _StationApp(
        title="dockd",
        summary="The docking-station daemon: reading everywhere, orders on the Unix socket only.",
        version=version,
        docs_url=None,
        redoc_url=None,
    )
    refusals.install(app)
    _add_health(app, view)
    _add_reading(app, view)
    _add_lists(app, view)
    _add_news(app, news)
    _add_orders(app, actions)
    page.add_to(app)
    return app


def _add_health(app: FastAPI, view: StationView) -> None:
    @app.get(
        "/healthz",
        summary="Alive: the loop turns and the watchdog is fed",
        response_class=HealthAnswer,
        responses=description.HEALTH,
    )
    async def healthz() -> Response:
        return _health(await view.healthz())

    @app.get(
        "/readyz",
        summary="Able: ledger, spool and detection work",
        response_class=HealthAnswer,
        responses=description.HEALTH,
    )
    async def readyz() -> Response:
        return _health(await view.readyz())

    @app.get(
        "/metrics",
        summary="For Prometheus",
        response_class=MetricsAnswer,
        responses=description.refusals(),
    )
    async def metrics_() -> Response:
        measured = await view.measurements()
        return MetricsAnswer(metrics.exposition(measured))


def _health(document: Mapping[str, JsonValue]) -> Response:
    status = document["status"]
    failing = health.http_status("fail") if status == "fail" else http.HTTPStatus.OK
    return HealthAnswer(dict(document), status_code=failing, headers={"cache-control": "no-store"})


def _add_reading(app: FastAPI, view: StationView) -> None:
    @app.get(
        "/v1/status", summary="The whole station at a glance", responses=description.refusals()
    )
    async def status() -> answers.StatusReport:
        return await view.status()

    @app.get("/v1/slots", summary="All slots", responses=description.refusals())
    async def slots() -> answers.SlotPage:
        return await view.slots()

    @app.get("/v1/problems", summary="All open problems", responses=description.refusals())
    async def problems() -> answers.ProblemPage:
        return await view.problems()

    @app.get(
        "/v1/completeness",
        summary="How many originals, and where each is",
        responses=description.refusals(400),
        dependencies=ONCE,
    )
    async def completeness(
        camera: str | None = None, day: Day = None
    ) -> answers.CompletenessReport:
        return await view.completeness(camera=camera, day=day)

    @app.get("/v1/cameras/{serial:path}", summary="One camera", responses=description.refusals(404))
    async def camera(serial: str) -> answers.CameraReport:
        return await view.camera(serial)


def _add_lists(app: FastAPI, view: StationView) -> None:
    @app.get(
        "/v1/clips",
        summary="Clips, a page at a time",
        responses=description.refusals(400),
        dependencies=ONCE,
    )
    async def clips(
        camera: str | None = None,
        docking: str | None = None,
        place: Place | None = None,
        *,
        held: bool | None = None,
        after: Cursor = None,
        limit: Limit = 100,
    ) -> answers.ClipPage:
        query = ClipQuery(
            camera=camera, docking=docking, place=place, held=held, after=after, limit=limit
        )
        return await view.clips(query)

    @app.get(
        "/v1/clips/{reference:path}",
        summary="One clip and everything that happened to it",
        responses=description.refusals(404),
    )
    async def clip(
        reference: Annotated[str, Path(description="its id, a prefix of 6 or more, or its key")],
    ) -> answers.ClipDetail:
        return await view.clip(reference)

    @app.get(
        "/v1/dockings",
        summary="Dockings, a page at a time",
        responses=description.refusals(400),
        dependencies=ONCE,
    )
    async def dockings(
        camera: str | None = None, after: str = "", limit: Limit = 100
    ) -> answers.DockingPage:
        return await view.dockings(camera=camera, after=after, limit=limit)


def _add_news(app: FastAPI, news: StationNews) -> None:
    @app.get(
        "/v1/history",
        summary="The uplink and the spool over the last day",
        responses=description.refusals(),
    )
    async def history() -> answers.HistoryReport:
        return news.history()

    followers = Followers()

    @app.get(
        EVENTS_PATH,
        summary="What changes, as it does: slot, clip, problem and status events",
        response_class=EventStream,
        status_code=http.HTTPStatus.OK,
        responses=description.EVENTS,
    )
    async def events(
        last_event_id: Annotated[
            str, Header(description="the sequence to go on behind, as an EventSource sends it")
        ] = "",
    ) -> EventStream:
        followers.admit()
        return EventStream(news.events(after=_sequence(last_event_id)), followers=followers)


def _sequence(shown: str) -> int | None:
    """Return the place in the record that a follower shows; None for what is none."""
    is_number = shown.isascii() and shown.isdecimal() and len(shown) <= _SEQUENCE_DIGITS
    return int(shown) if is_number else None


def _add_orders(app: FastAPI, actions: StationActions) -> None:
    @app.post(
        _ORDER_PATH,
        status_code=http.HTTPStatus.ACCEPTED,
        summary="Try again, set aside, let go (a slot too) or send first (Unix socket; else 405)",
        responses=description.refusals(400, 404, 405, 409, 413),
    )
    async def order(
        request: Request, kind: SubjectKind, reference: str, verb: Verb, body: OrderBody
    ) -> dict[str, Any]:
        peer: Peer = request.state.peer
        await actions.carry_out(
            Order(
                verb=verb,
                kind=kind,
                reference=reference,
                why=body.why,
                hold=body.kind,
                actor=peer.actor,
            )
        )
        return {"accepted": True, "verb": verb, "kind": kind, "id": reference, "actor": peer.actor}

    @app.post(
        _UPLINK_PATH,
        status_code=http.HTTPStatus.ACCEPTED,
        summary="Pause all uploads, or have them go on (Unix socket only; 405 elsewhere)",
        responses=description.refusals(400, 404, 405, 409, 413),
    )
    async def uplink_order(
        request: Request, verb: UplinkVerb, body: UplinkOrderBody
    ) -> dict[str, Any]:
        peer: Peer = request.state.peer
        await actions.carry_out(UplinkOrder(verb=verb, why=body.why, actor=peer.actor))
        return {"accepted": True, "verb": verb, "actor": peer.actor}
