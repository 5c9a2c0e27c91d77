"""What a store's ``Date`` is worth: whose word it is, and what a word of nonsense does."""

from pathlib import Path
from typing import Any

import pytest

from dockd.config import Config
from dockd.daemon import building
from dockd.errors import StoreBusy
from dockd.stores.rate_limited import SharedRate
from tests.fakes.broken_s3 import error
from tests.fakes.clip_content import content_of, sending
from tests.fakes.still_clock import StillClock
from tests.stores.s3_scene import always, talking_to


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _vouches(url: str, *, kind: str, folder: Path) -> bool:
    """Return whether a store that is configured there is asked for the time where it matters."""
    entry: dict[str, Any] = {"name": "central", "kind": kind}
    if kind == "s3":
        entry |= {"endpoint": url, "bucket": "footage", "credentials": folder / "credentials"}
    else:
        entry |= {"url": f"{url}/files/"}
    config = Config.model_validate({"store": (entry,)})
    clock = StillClock()
    return building.stores(config, rate=SharedRate(clock=clock), clock=clock)["central"].vouches


@pytest.mark.parametrize("kind", ["s3", "tus"])
@pytest.mark.parametrize(
    ("url", "vouches"),
    [
        ("https://store.example", True),
        ("http://127.0.0.1:8333", True),
        ("http://[::1]:8333", True),
        ("http://localhost:8333", True),
        ("http://store.example", False),
        ("http://192.0.2.7:8333", False),
        ("http://localhost.example", False),
    ],
)
def test_a_store_vouches_for_the_time_where_nobody_can_speak_for_it(
    tmp_path: Path, kind: str, url: str, vouches: bool
) -> None:
    """Over TLS or on this machine; on any other way anybody sets any clock."""
    assert _vouches(url, kind=kind, folder=tmp_path) == vouches


@pytest.mark.parametrize("kind", ["s3", "tus"])
def test_behind_a_proxy_nothing_is_on_this_machine(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where plain HTTP goes through a proxy, its ``localhost`` is anybody; TLS is not touched."""
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    assert not _vouches("http://localhost:8333", kind=kind, folder=tmp_path)
    assert _vouches("https://store.example", kind=kind, folder=tmp_path)
    monkeypatch.setenv("no_proxy", "localhost")
    assert _vouches("http://localhost:8333", kind=kind, folder=tmp_path)


def test_a_folder_tells_no_time(tmp_path: Path) -> None:
    """A mounted share has no clock that anybody could be asked about."""
    entry = {"name": "central", "kind": "directory", "path": tmp_path}
    clock = StillClock()
    lane = building.stores(
        Config.model_validate({"store": (entry,)}), rate=SharedRate(clock=clock), clock=clock
    )["central"]
    assert (lane.vouches, lane.clock_offset_s()) == (False, None)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "date",
    [
        "yesterday",
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 23 Nov 2026 999999999999999999999:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Thu, 01 Jan 1970 00:00:00 GMT",
    ],
)
async def test_a_date_that_no_station_lives_in_is_none(tmp_path: Path, date: str) -> None:
    """It moves no clock and breaks nothing: the refusal is read as if it had no date."""
    clock = StillClock()
    answer = error(503, "SlowDown", Date=date, Retry_After=date)
    async with talking_to(always(answer), tmp_path, clock=clock) as (store, _):
        with sending(content_of(1)) as outgoing, pytest.raises(StoreBusy):
            await store.create_upload(outgoing)
        assert store.clock_offset_s is None
