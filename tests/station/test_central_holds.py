"""The list of holds from a server that is anything but well-meaning."""

import base64
import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockd.errors import DockdError, HoldsRefused, HoldsUnreachable
from dockd.station.central.holds import FILE_NAME, MOST_BYTES, CentralHolds
from tests.fakes.holds_server import Central, Reply, central

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
HOLD = {"kind": "camera", "camera": "BWC-1"}
Lie = Callable[[Central], None]


@pytest.fixture
def far() -> Iterator[Central]:
    """A server that serves a good list, until it is told otherwise."""
    with central() as server:
        server.issue([HOLD], issued=NOW)
        yield server


def holds(far: Central, folder: Path) -> CentralHolds:
    """Return the station's side."""
    return CentralHolds(
        far.url, public_key=far.public_key, ca_file=None, folder=folder, deadline_s=2.0
    )


def _always(reply: Reply, *, of: str = "/holds.json") -> Lie:
    def lie(far: Central) -> None:
        far.lies = lambda path: reply if path == of else None

    return lie


def _another_key(far: Central) -> None:
    far.sign(b"{}", key=Ed25519PrivateKey.generate())


def _changed_after_signing(far: Central) -> None:
    far.lies = lambda path: Reply(b'{"holds": []}') if path == "/holds.json" else None


def _signed_garbage(far: Central) -> None:
    far.sign(b"\x00garbage")


def _no_list(far: Central) -> None:
    far.sign(b'{"format": "dockd-docking/1"}')


_HUGE = Reply(b" " * (MOST_BYTES + 1))
_ENDLESS = Reply(b"{", headers={"Content-Length": str(10**12)}, stalls=True)
_PACKED = Reply(gzip.compress(b" " * MOST_BYTES), headers={"Content-Encoding": "gzip"})
_ASIDE = Reply(status=302, headers={"Location": "/other.json"})
LIES: list[tuple[str, Lie, type[DockdError]]] = [
    ("garbage", _always(Reply(b"<html>captive portal</html>")), HoldsRefused),
    ("signed garbage", _signed_garbage, HoldsRefused),
    ("signed, and no list", _no_list, HoldsRefused),
    ("another key", _another_key, HoldsRefused),
    ("changed after signing", _changed_after_signing, HoldsRefused),
    ("no signature", _always(Reply(status=404), of="/holds.json.sig"), HoldsUnreachable),
    ("an empty signature", _always(Reply(b""), of="/holds.json.sig"), HoldsRefused),
    ("half a signature", _always(Reply(b"QUJD"), of="/holds.json.sig"), HoldsRefused),
    ("a signature of words", _always(Reply(b"trust me!"), of="/holds.json.sig"), HoldsRefused),
    ("a signature beyond ASCII", _always(Reply(b"\xff" * 88), of="/holds.json.sig"), HoldsRefused),
    ("huge", _always(_HUGE), HoldsRefused),
    ("a huge signature", _always(_HUGE, of="/holds.json.sig"), HoldsRefused),
    ("packed", _always(_PACKED), HoldsRefused),
    ("without an end", _always(_ENDLESS), HoldsUnreachable),
    ("redirected", _always(_ASIDE), HoldsUnreachable),
    ("not there", _always(Reply(status=404)), HoldsUnreachable),
    ("in trouble", _always(Reply(status=503)), HoldsUnreachable),
]


@pytest.mark.asyncio
async def test_a_good_list_is_taken_and_kept(far: Central, tmp_path: Path) -> None:
    """What central signed is understood, and is the same after a restart."""
    fetched = await holds(far, tmp_path).fetch()
    assert fetched.holds.cameras == {"BWC-1"}
    assert holds(far, tmp_path).kept() is None
    holds(far, tmp_path).keep(fetched)
    assert holds(far, tmp_path).kept() == fetched
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE_NAME]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("lie", "error"), [pytest.param(lie, error, id=name) for name, lie, error in LIES]
)
async def test_whatever_else_a_server_says_is_refused(
    far: Central, tmp_path: Path, lie: Lie, error: type[DockdError]
) -> None:
    """Nothing that a server can do makes a list of what central did not sign, nor hangs dockd."""
    lie(far)
    with pytest.raises(error):
        await holds(far, tmp_path).fetch()
    # A redirect is never followed, on whatever host it would end.
    assert "/other.json" not in far.asked


@pytest.mark.asyncio
async def test_nobody_there(far: Central, tmp_path: Path) -> None:
    """A server that is not there is a word about the network, no more."""
    gone = CentralHolds(
        "http://127.0.0.1:1/holds.json", public_key=far.public_key, ca_file=None, folder=tmp_path
    )
    with pytest.raises(HoldsUnreachable):
        await gone.fetch()


@pytest.mark.asyncio
@pytest.mark.parametrize("harm", ["cut", "empty", "forged", "a number"])
async def test_a_kept_list_is_verified_again(far: Central, tmp_path: Path, harm: str) -> None:
    """What lies on the disk is believed for its signature alone."""
    holds(far, tmp_path).keep(await holds(far, tmp_path).fetch())
    file = tmp_path / FILE_NAME
    content = file.read_bytes()
    forged = base64.b64encode(b'{"holds": []}').decode()
    file.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "empty": b"",
            "forged": content.replace(content.split(b'"')[7], forged.encode()),
            "a number": b"7",
        }[harm]
    )
    with pytest.raises(HoldsRefused):
        holds(far, tmp_path).kept()


@pytest.mark.asyncio
async def test_a_later_list_is_another_one(far: Central, tmp_path: Path) -> None:
    """Each look is a new one; nothing of the one before is served again."""
    station = holds(far, tmp_path)
    first = await station.fetch()
    far.issue([], issued=NOW + timedelta(seconds=1))
    assert (await station.fetch()).holds.issued > first.holds.issued
