"""The document of what is announced and taken over MQTT: as the code is now, and strict."""

import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from dockd.core.announcement import encoded
from dockd.core.catalogue import CATALOGUE
from dockd.core.command import VERBS, parse
from dockd.errors import CommandRefused
from dockd.station.central.commands import CommandSeal
from tests.fakes.asyncapi import FILE, check
from tests.fakes.commander import Commander
from tests.fakes.servers import ROOT


def test_the_document_is_what_the_models_say() -> None:
    """It is generated; python packaging/generate/asyncapi.py > docs/mqtt.asyncapi.json."""
    script = ROOT / "packaging/generate/asyncapi.py"
    made = subprocess.run([sys.executable, script], check=True, capture_output=True)
    assert FILE.read_bytes() == made.stdout


@pytest.mark.parametrize(
    "payload",
    [
        {"online": True},
        {"online": False, "slots": []},
        {"offline": True},
    ],
)
def test_a_payload_that_is_not_described_does_not_pass(payload: dict[str, object]) -> None:
    """A missing field, one too many and a wrong one are all noticed."""
    assert check("dockd/s/t/state", encoded({"online": False})) == "state"
    with pytest.raises(jsonschema.ValidationError):
        check("dockd/s/t/state", encoded(payload))


def test_every_slug_of_the_catalogue_is_named() -> None:
    """Wherever a problem is, and no other; one that is not named is an error of no known kind."""
    schemas = json.loads(FILE.read_text())["components"]["schemas"]
    for model in ("ProblemReport", "ProblemBegun", "ProblemEnded"):
        named, anything = schemas[model]["properties"]["slug"]["anyOf"]
        assert named == {"enum": sorted(CATALOGUE)}
        assert anything == {"type": "string"}


def _is_described(command: dict[str, Any]) -> bool:
    """Return whether the document describes a command."""
    document = json.loads(FILE.read_text())
    content = document["components"]["schemas"]["SignedCommand"]["properties"]["document"]
    schema = {**content["contentSchema"], "components": document["components"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(command))


def _is_understood(command: dict[str, Any]) -> bool:
    try:
        parse(json.dumps(command).encode())
    except ValueError:
        return False
    return True


_CENTRAL = Commander(site="s", station="t")
_MORE: dict[str, dict[str, Any]] = {
    "pause-uploads": {},
    "resume-uploads": {},
    "prioritise": {"subject": "clip BWC-1/ab/DCIM/1.MP4"},
    "hold": {"subject": "camera BWC-1", "kind": "legal"},
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_command_is_understood_as_it_is_described(verb: str) -> None:
    """What is sent is described, and with any word changed, left out or added neither holds."""
    good = _CENTRAL.command(verb, **_MORE[verb])
    check("dockd/s/t/commands", _CENTRAL.signed(good))
    assert _is_described(good)
    assert _is_understood(good)
    for name in good:
        without = {word: said for word, said in good.items() if word != name}
        for changed in ({**good, name: 7}, without):
            assert not _is_described(changed), (name, changed)
            assert not _is_understood(changed), (name, changed)
        for word in ("", "\n", "x" * 3000, f"{good[name]} "):
            changed = {**good, name: word}
            assert _is_described(changed) == _is_understood(changed), (name, changed)
    assert not _is_described({**good, "more": 1})
    assert not _is_understood({**good, "more": 1})


@pytest.mark.parametrize(
    "subject", ["camera 1", "docking d", "clip a b", "slot A1", "camera ", "1"]
)
def test_the_subjects_that_are_understood_are_those_described(subject: str) -> None:
    """By their kind and a name."""
    command = _CENTRAL.command("prioritise", subject=subject)
    assert _is_described(command) == _is_understood(command)


@pytest.mark.parametrize("extra", [{"more": 1}, {"signature": 1}, {"document": None}])
def test_a_message_that_is_not_described_is_not_opened(extra: dict[str, Any]) -> None:
    """The envelope as well is taken as it is described, and no other."""
    sent = {**json.loads(_CENTRAL.signed(_CENTRAL.command("pause-uploads"))), **extra}
    with pytest.raises(jsonschema.ValidationError):
        check("dockd/s/t/commands", encoded(sent))
    with pytest.raises(CommandRefused):
        CommandSeal([_CENTRAL.public_key]).opened(encoded(sent))
