"""Prints docs/mqtt.asyncapi.json: what is announced over MQTT, drawn from the answers' models.

`python packaging/generate/asyncapi.py > docs/mqtt.asyncapi.json`; a test fails when it is stale.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from dockd.core.announcement import Topics
from dockd.ports import answers

_REFERENCES: Final = "#/components/schemas/{model}"
_TOPICS: Final = Topics("SITE", "STATION")

Json = dict[str, Any]


def document() -> Json:
    """Return the AsyncAPI 3.0 document."""
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dockd over MQTT",
            "version": "1",
            "description": "What a docking station announces. It takes nothing over MQTT.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "state": _channel(
                _TOPICS.state,
                "Online, Offline",
                "Where the station stands; retained. The broker announces Offline in its stead.",
            ),
            "slot": _channel(
                _TOPICS.slot("SLOT"), "SlotReport", "Where one slot stands; retained."
            ),
            "event": _channel(
                _TOPICS.events,
                "EventAnnouncement",
                "Something that happened, in the words of the journal.",
            ),
            "problem": _channel(
                _TOPICS.problems,
                "ProblemBegun, ProblemEnded",
                "A problem began or ended; which are open now is in the state.",
            ),
        },
        "operations": {
            f"announce-{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "bindings": {
                    "mqtt": {
                        "qos": 1,
                        "retain": name in {"state", "slot"},
                        "bindingVersion": "0.2.0",
                    }
                },
            }
            for name in ("state", "slot", "event", "problem")
        },
        "components": {"schemas": schemas},
    }


def _channel(topic: str, models: str, summary: str) -> Json:
    address = topic
    for word in ("SITE", "STATION", "SLOT"):
        address = address.replace(word, "{" + word.lower() + "}")
    names = [level[1:-1] for level in address.split("/") if level.startswith("{")]
    escaped = "As configured; bytes outside [A-Za-z0-9._-] are %XX."
    return {
        "address": address,
        "summary": summary,
        "parameters": {name: {"description": escaped} for name in names},
        "messages": {
            model: {"payload": {"$ref": _REFERENCES.format(model=model)}}
            for model in models.split(", ")
        },
    }


def _schemas() -> Json:
    """Return a schema of every payload; nothing but what is named there is ever in one."""
    found: Json = {}
    for model in (
        answers.StatusReport,
        answers.SlotReport,
        answers.EventAnnouncement,
        answers.ProblemBegun,
        answers.ProblemEnded,
    ):
        schema = TypeAdapter(model).json_schema(ref_template=_REFERENCES, mode="serialization")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    found["Online"] = _online(found.pop("StatusReport"))
    found["Offline"] = {
        "type": "object",
        "title": "Offline",
        "description": "The station is gone: the last will.",
        "properties": {"online": {"const": False}},
        "required": ["online"],
    }
    for schema in found.values():
        schema["additionalProperties"] = False
        schema["required"] = list(schema["properties"])
        schema["description"] = " ".join(schema["description"].split())
    return dict(sorted(found.items()))


def _online(status: Mapping[str, Any]) -> Json:
    """Return the schema of the state: the status, without its slots."""
    properties = {name: each for name, each in status["properties"].items() if name != "slots"}
    return {
        **status,
        "title": "Online",
        "description": "The station at a glance; its slots have topics of their own.",
        "properties": {"online": {"const": True}, **properties},
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
