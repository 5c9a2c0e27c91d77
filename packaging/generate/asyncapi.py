"""Prints docs/mqtt.asyncapi.json: what is announced and taken over MQTT, drawn from the code.

What is announced is drawn from the answers' models, commands from core/command, and the slugs of
problems from their one table.

`python packaging/generate/asyncapi.py > docs/mqtt.asyncapi.json`; a test fails when it is stale.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from dockd.core import command
from dockd.core.announcement import Topics
from dockd.core.catalogue import CATALOGUE
from dockd.ports import answers

_REFERENCES: Final = "#/components/schemas/{model}"
_TOPICS: Final = Topics("SITE", "STATION")

_SLUG: Final = {
    "description": "as docs/problems.md has them; any other is an error of no known kind",
    "anyOf": [{"enum": sorted(CATALOGUE)}, {"type": "string"}],
}
_MEANING: Final[Mapping[command.Verb, str]] = {
    "pause-uploads": "Send nothing new to any store until they are resumed.",
    "resume-uploads": "Go on with what was paused, whoever paused it.",
    "prioritise": "Send a clip, or all that is known now of a docking or a camera, first.",
    "hold": "Set something aside; only a person at the station lets go of it.",
}

Json = dict[str, Any]


def document() -> Json:
    """Return the AsyncAPI 3.0 document."""
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dockd over MQTT",
            "version": "1",
            "description": "What a docking station announces and, where commands = true, takes.",
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
            "command": _channel(
                _TOPICS.commands,
                "SignedCommand",
                "What central asks of the station; a retained one is not taken.",
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
        }
        | {
            "take-command": {
                "action": "receive",
                "channel": {"$ref": "#/channels/command"},
                "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}},
            }
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
    for name in ("ProblemReport", "ProblemBegun", "ProblemEnded"):
        found[name]["properties"]["slug"] |= _SLUG
    found |= _commands()
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


def _commands() -> Json:
    """Return a schema of what is sent, and of each command that can be inside."""
    said = {f"Command-{verb}": _command(verb) for verb in command.VERBS}
    signed: Json = {
        "title": "SignedCommand",
        "description": f"A document and central's signature of it; at most {command.MOST_BYTES} "
        "bytes.",
        "type": "object",
        "properties": {
            "document": {
                "type": "string",
                "contentEncoding": "base64",
                "contentMediaType": "application/json",
                "contentSchema": {"oneOf": [{"$ref": _REFERENCES.format(model=n)} for n in said]},
            },
            "signature": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "Ed25519 (RFC 8032) over the document's bytes, by a key that is in "
                "command_keys",
            },
        },
    }
    return {"SignedCommand": signed, **said}


def _command(verb: command.Verb) -> Json:
    of_all: Json = {
        "format": {"const": command.FORMAT},
        "command": {"const": verb},
        "site": {"type": "string", "description": "as the station's configuration has it"},
        "station": {"type": "string", "description": "as the station's configuration has it"},
        "nonce": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "random, and never used again",
        },
        "expires": {
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
            "description": f"when it ends, UTC; at most {command.LONGEST_S / 60:.0f} minutes ahead",
        },
        "why": {
            "type": "string",
            "pattern": "\\S",
            "maxLength": command.MOST_WHY,
            "description": "the reason, for the record",
        },
    }
    of_some: Json = {
        "subject": {
            "type": "string",
            "pattern": "^(clip|docking|camera) [^\\n]",
            "description": '"clip ID", "docking ID" or "camera SERIAL"',
        },
        "kind": {"enum": ["error", "legal"], "description": "the kind of hold"},
    }
    more = {name: of_some[name] for name in of_some if name in command.MORE[verb]}
    return {
        "title": f"Command-{verb}",
        "description": _MEANING[verb],
        "type": "object",
        "properties": {**of_all, **more},
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
