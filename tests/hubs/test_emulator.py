"""Promises of the emulated hub, by the manual alone."""

from tests.hubs.cambrionix import Hub


def said(hub: Hub, data: bytes) -> bytes:
    """Return all that a hub answers."""
    return b"".join(reply.data for reply in hub.feed(data))


def test_a_lone_carriage_return_hangs_it() -> None:
    """Only a command that ends in CR LF is answered, and a lone CR ends all answers."""
    hub = Hub()
    assert said(hub, b"id\r\n").endswith(b">> ")
    assert said(hub, b"id\r") == b""
    assert said(hub, b"id\r\nid\r\n") == b""


def test_an_undervoltage_outlives_cef() -> None:
    """Mode changes are refused while the error is flagged, which only a reboot ends."""
    hub = Hub()
    hub.fail("error", on="state")
    assert b"E" in said(hub, b"state 1\r\n")
    assert b"*E422" in said(hub, b"cef\r\nmode o 1\r\n")
    said(hub, b"reboot\r\n")
    assert b"*" not in said(hub, b"mode o 1\r\n")
    assert b"R" in said(hub, b"state 1\r\n")
    assert b"Rebooted flag: \r" in said(hub, b"crf\r\nhealth\r\n")
