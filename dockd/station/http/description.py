"""What the OpenAPI document says beyond what FastAPI finds out: refusals, health, events, slugs."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from dockd.core import health
from dockd.core.catalogue import CATALOGUE
from dockd.ports import answers
from dockd.station.http import refusals as refused
from dockd.station.http import stream

Responses = dict[int | str, dict[str, Any]]

# What each status of a refusal means; docs/http.md has them too.
MEANINGS: Final[Mapping[int, str]] = {
    400: "The question or the order cannot be understood.",
    401: "No token was shown, or a wrong one.",
    404: "There is no such thing.",
    405: "That is not done here: orders are taken on the Unix socket only.",
    409: "It makes no sense in the present state.",
    413: "The body is too large, or does not come.",
    421: "On loopback the station answers to the names of loopback only.",
    503: "Not now; try again.",
}
# Those of any path: the edge's, and a station that is busy.
_ANYWHERE: Final = (401, 421, 503)
# Shapes that no path answers with by itself.
_MORE_SHAPES: Final = (refused.Refusal, answers.ClipEvent, answers.ProblemEvent)
# FastAPI's own refusal of what cannot be understood, which nobody is given here.
_NEVER_GIVEN: Final = ("HTTPValidationError", "ValidationError")


def _is(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def refusals(*statuses: int) -> Responses:
    """Return how a path can refuse: with these statuses and those of any path."""
    return {
        status: {
            "description": MEANINGS[status],
            "content": {refused.MEDIA_TYPE: {"schema": _is("Refusal")}},
        }
        for status in sorted({*_ANYWHERE, *statuses})
    }


_HEALTH_DOCUMENT: Final = {
    "type": "object",
    "required": ["status", "version", "releaseId", "serviceId", "checks", "problems"],
    "properties": {
        "status": {"enum": ["pass", "warn", "fail"]},
        "checks": {"type": "object", "description": "the answers of its parts, by name"},
        "problems": {"type": "array", "items": _is("ProblemReport")},
    },
}
HEALTH: Final[Responses] = {
    **refusals(),
    **{
        status: {
            "description": words,
            "content": {health.MEDIA_TYPE: {"schema": _HEALTH_DOCUMENT}},
        }
        for status, words in ((200, "pass or warn"), (503, "fail"))
    },
}
_EVENT_SHAPES: Final = ("SlotReport", "ClipEvent", "ProblemEvent", "StatusReport")
_EVENT: Final = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["slot", "clip", "problem", "status"]},
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"anyOf": [_is(name) for name in _EVENT_SHAPES]},
        },
    },
}
EVENTS: Final[Responses] = {
    **refusals(),
    200: {
        "description": "One event after another, without end; `id` is the place in the record.",
        "content": {stream.MEDIA_TYPE: {"schema": _EVENT}},
    },
}


def completed(told: dict[str, Any]) -> dict[str, Any]:
    """Return FastAPI's description with what it cannot know.

    The enumeration of slugs is open, for no error is lost by being new.
    """
    schemas = told["components"]["schemas"]
    schemas["ProblemReport"]["properties"]["slug"] = {
        "title": "Slug",
        "description": "as docs/problems.md has them; any other is an error of no known kind",
        "anyOf": [{"enum": sorted(CATALOGUE)}, {"type": "string"}],
    }
    for shape in _MORE_SHAPES:
        schemas[shape.__name__] = TypeAdapter(shape).json_schema()
    for name in _NEVER_GIVEN:
        schemas.pop(name, None)
    for path in told["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    return told
