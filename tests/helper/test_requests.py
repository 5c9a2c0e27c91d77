"""Promises of the helper's parser: a request is understood exactly, or refused whole."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.errors import RequestInvalid
from dockd.helper.requests import TAKES, Request, parse

VERBS = sorted(TAKES)
KEYS = sorted({"verb", "path", "device"}.union(*TAKES.values()))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=70),
    st.sampled_from(["A1", "../A1", "/dev/sda", "budget", "hold", "safety", *VERBS]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def is_sound(request: Request) -> bool:
    """Whether nothing in it is beyond what the helper may be asked."""
    return (
        (request.slot == "") == (request.verb == "slots")
        and "/" not in request.slot
        and not request.slot.startswith(".")
        and len(request.slot) <= 64
        and (request.verb == "make-writable") <= request.deadline_s <= 300
        and 0 <= request.lease_s <= 3600
        and [type(value) for value in (request.on, request.kind, request.verb)] == [bool, str, str]
    )


def parsed(packet: bytes) -> Request | None:
    """Parse a packet; None where it is refused as it should be."""
    try:
        return parse(packet)
    except RequestInvalid:
        return None


@given(packet=st.binary(max_size=5000))
@example(packet=b"[" * 4096)
@example(packet=b'{"verb":' * 500)
@example(packet=b'{"verb":"slots","verb":"slots"}')
@example(packet=b'{"verb":"make-writable","slot":"A1","deadline_s":' + b"9" * 4000 + b"}")
@example(packet=b'{"verb":"make-writable","slot":"A1","deadline_s":NaN}')
@example(packet=b'{"verb":"mount","slot":"A1\n"}')
@example(packet=b'{"verb":"mount","slot":"\\ud800"}')
def test_no_packet_breaks_the_parser_or_means_more_than_it_may(packet: bytes) -> None:
    """Any bytes are refused with RequestInvalid or are one of the requests, within its bounds."""
    request = parsed(packet)
    assert request is None or is_sound(request)


@given(document=st.dictionaries(st.sampled_from(KEYS), VALUES), verb=st.sampled_from(VERBS))
def test_no_object_means_more_than_it_may(document: dict[str, object], verb: str) -> None:
    """Right keys with wrong values, wrong keys, and mixtures of verbs never pass half."""
    request = parsed(json.dumps({**document, "verb": verb}).encode())
    assert request is None or is_sound(request)
    if request is not None:
        assert document.keys() - {"verb"} == TAKES[verb].keys()


@pytest.mark.parametrize(
    ("packet", "request_"),
    [
        ('{"verb":"slots"}', Request(verb="slots")),
        ('{"verb":"mount","slot":"A1"}', Request(verb="mount", slot="A1")),
        (
            '{"verb":"make-writable","slot":"A1","deadline_s":300}',
            Request(verb="make-writable", slot="A1", deadline_s=300),
        ),
        (
            '{"verb":"port-power","slot":"A1","on":false,"kind":"hold","lease_s":30}',
            Request(verb="port-power", slot="A1", on=False, kind="hold", lease_s=30),
        ),
        (
            '{"verb":"port-power","slot":"A1","on":false,"kind":"safety","lease_s":0}',
            Request(verb="port-power", slot="A1", on=False, kind="safety"),
        ),
    ],
)
def test_what_the_daemon_asks_is_understood(packet: str, request_: Request) -> None:
    """Each of the protocol's requests says what it says."""
    assert parse(packet.encode()) == request_


@pytest.mark.parametrize(
    "packet",
    [
        b"x" * 4097,
        b"{}",
        b"[]",
        b'{"verb":"format","slot":"A1"}',
        b'{"verb":"mount"}',
        b'{"verb":"slots","slot":"A1"}',
        b'{"verb":"mount","slot":"A1","path":"/dev/sda"}',
        b'{"verb":"mount","slot":"../A1"}',
        b'{"verb":"mount","slot":["A1"]}',
        b'{"verb":["mount"],"slot":"A1"}',
        b'{"verb":"make-writable","slot":"A1","deadline_s":301}',
        b'{"verb":"make-writable","slot":"A1","deadline_s":true}',
        b'{"verb":"make-writable","slot":"A1","deadline_s":1.5}',
        b'{"verb":"port-power","slot":"A1","on":false,"kind":"budget"}',
        b'{"verb":"port-power","slot":"A1","on":0,"kind":"safety"}',
        b'{"verb":"port-power","slot":"A1","on":false,"kind":["safety"]}',
    ],
)
def test_what_is_almost_a_request_is_refused(packet: bytes) -> None:
    """A missing key, one too many, a wrong type or a number out of bounds is no request."""
    with pytest.raises(RequestInvalid):
        parse(packet)
