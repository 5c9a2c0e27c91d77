"""A running station before a store that misbehaves, and what becomes of its footage.

The store is a real S3 server behind a proxy that meddles. However it misbehaves, the station says
so in a problem, no camera is cleared meanwhile, and once it behaves every clip is there once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.badinput.scene import Scene, says_what_to_do, scene
from tests.daemon.harness import Settings
from tests.daemon.rooms import NAME, Bucket
from tests.daemon.scenarios import cleared, clip_id, verification, verified
from tests.daemon.world import BIG, MIB, SMALL
from tests.fakes.broken_s3 import Answer, Heard, Reset, Silence, error
from tests.fakes.meddler import Meddler, Meddling, Pass, Reply, honest, meddler, without
from tests.fakes.servers import S3Server

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("badinput-stores")]
WRONG = b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
PARTS = {BIG: 20 * MIB}
WHOLE = {SMALL: 100_001}


class Meddled(Bucket):
    """A bucket that the station reaches only through the proxy."""

    def __init__(self, server: S3Server, *, bucket: str, credentials: Path, proxy: Meddler) -> None:
        super().__init__(server, bucket=bucket, credentials=credentials)
        self.proxy = proxy
        self.named = bucket
        self.credentials = credentials

    def toml(self) -> str:
        """Return its table ``[[store]]``."""
        return (
            f'[[store]]\nname = "{NAME}"\nkind = "s3"\nendpoint = "{self.proxy.endpoint}"\n'
            f'bucket = "{self.named}"\ncredentials = "{self.credentials}"\n'
        )


@dataclass
class Shop:
    """A station and the store that misbehaves."""

    at: Scene
    store: Meddled

    def dock(self, files: dict[str, int]) -> str:
        """Start the station and dock a camera with files of these sizes; return its serial."""
        self.at.station.start()
        serial = self.at.world.film(files)
        self.at.world.dock(serial, "A1")
        return serial

    def still_there(self, serial: str) -> None:
        """Fail unless all footage is where it was."""
        for original in self.at.world.originals:
            if original.serial == serial:
                assert original.cleared or self.at.world.file(serial, original.path).exists()
        self.at.world.check()

    def behaves(self, serial: str, *slugs: str) -> None:
        """Let the store behave; everything arrives exactly once and the problems end."""
        self.still_there(serial)
        self.store.proxy.script = honest
        self.ends_well(serial, *slugs)

    def ends_well(self, serial: str, *slugs: str) -> None:
        """See everything arrive exactly once, and the problems end."""
        cleared(self.at.station, self.at.world, serial)
        for slug in slugs:
            self.at.settled(slug)
        self.at.station.stop()
        self.at.world.check_finished()


@pytest.fixture
def shop(weed: S3Server, versioned_bucket: str, tmp_path: Path) -> Iterator[Shop]:
    """A station that is not started yet."""
    with _proxied(weed, versioned_bucket, tmp_path) as store, scene(tmp_path, room=store) as at:
        yield Shop(at, store)


@contextmanager
def _proxied(server: S3Server, bucket: str, folder: Path) -> Iterator[Meddled]:
    with meddler(server.endpoint.removeprefix("http://")) as proxy:
        yield Meddled(
            server, bucket=bucket, credentials=server.credentials_file(folder), proxy=proxy
        )


def upon(operation: str, answer: Answer | Reset | Silence | Pass) -> Meddling:
    """Misbehave at one operation on clips; leave the station's own records and probes alone."""

    def script(heard: Heard) -> Answer | Reset | Silence | Pass:
        of_a_clip = "/BWC-" in heard.path and "/dockings/" not in heard.path
        return answer if heard.about == operation and of_a_clip else Pass()

    return script


def refused(**_: str) -> Reply:
    """Return an error that came with a 200."""
    body = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>x</Message></Error>"
    return Reply(200, {}, body)


def test_wrong_credentials_are_named_and_clips_wait(shop: Shop) -> None:
    """A store that refuses the keys is a problem for operations; with good keys all arrives."""
    good = shop.store.credentials.read_text()
    shop.store.credentials.write_text(good.replace("dockd-test", "somebody-else"))
    serial = shop.dock(WHOLE)
    shop.at.troubled("store-refused-credentials", about="store central")
    shop.at.station.happened("clip-verified")
    shop.store.credentials.write_text(good)
    shop.behaves(serial, "store-refused-credentials")


def test_a_missing_bucket_is_named_and_clips_wait(shop: Shop) -> None:
    """A bucket that is not there is a problem; once it is made all arrives."""
    shop.store.proxy.script = lambda _: error(404, "NoSuchBucket")
    serial = shop.dock(WHOLE)
    shop.at.troubled("store-bucket-missing", about="store central")
    shop.at.station.happened("clip-verified")
    shop.behaves(serial, "store-bucket-missing")


@pytest.mark.parametrize(
    ("answer", "slug"),
    [
        pytest.param(error(500, "InternalError"), "store-busy", id="500"),
        pytest.param(error(503, "SlowDown", Retry_After="2"), "store-busy", id="503"),
        pytest.param(Reset(), "store-unreachable", id="reset"),
    ],
)
def test_a_store_in_trouble_is_waited_for(shop: Shop, answer: Answer | Reset, slug: str) -> None:
    """A store that fails whatever it is asked is named, and its clips go on by themselves."""
    shop.store.proxy.script = lambda _: answer
    serial = shop.dock(WHOLE)
    shop.at.troubled(slug, about="store central")
    shop.at.station.happened("clip-verified")
    says_what_to_do(shop.at.clip(serial, SMALL.encode()))
    shop.behaves(serial, slug)


@pytest.mark.parametrize(
    ("operation", "files"), [("create", PARTS), ("complete", PARTS), ("put", WHOLE)]
)
def test_a_200_with_an_error_body_is_no_success(
    shop: Shop, operation: str, files: dict[str, int]
) -> None:
    """An error that came with a 200 is not taken for a yes; the clip is sent when it is one."""
    shop.store.proxy.script = upon(operation, Answer(200, refused().body))
    serial = shop.dock(files)
    shop.at.station.until(lambda: operation in shop.store.proxy.heard, "it was asked")
    shop.at.troubled("store-busy", about="store central")
    shop.behaves(serial, "store-busy")


def test_a_part_without_an_etag_is_not_believed(shop: Shop) -> None:
    """A yes to a part that names nothing it holds is no yes; the clip waits for a real one."""
    shop.store.proxy.script = upon("part", Pass(without("ETag")))
    serial = shop.dock(PARTS)
    shop.at.troubled("store-unreachable", about="store central")
    shop.behaves(serial, "store-unreachable")


def test_an_object_without_an_etag_is_proved_before_it_counts(shop: Shop) -> None:
    """A yes without an ETag is followed by a question; only the store's own checksum clears."""
    shop.store.proxy.script = upon("put", Pass(without("ETag")))
    serial = shop.dock(WHOLE)
    cleared(shop.at.station, shop.at.world, serial)
    assert "head" in shop.store.proxy.heard[shop.store.proxy.heard.index("put") :]
    shop.at.station.happened("receipt-accepted", strength="digest", how="checksum")
    shop.at.station.stop()
    shop.at.world.check_finished()


def test_a_truncated_list_of_parts_is_not_believed(shop: Shop) -> None:
    """A list that breaks off says nothing of what arrived; the station asks until it is whole."""

    def cut(reply: Reply) -> Reply:
        return replace(reply, body=reply.body[: len(reply.body) // 2])

    shop.at.station.faults = ["part-sending:1:kill"]
    shop.at.station.start()
    serial = shop.at.world.film(PARTS)
    shop.at.world.dock(serial, "A1")
    shop.at.station.until(lambda: shop.at.station.fired, "it dies over a part", restart=False)
    shop.store.proxy.script = upon("list-parts", Pass(cut))
    shop.at.station.start()
    shop.at.troubled("store-unreachable", about="store central")
    assert "list-parts" in shop.store.proxy.heard
    shop.behaves(serial, "store-unreachable")


def test_a_store_that_says_nothing_at_all_holds_nothing_up(shop: Shop) -> None:
    """While the store takes everything and never answers, footage is still taken off cameras."""
    shop.store.proxy.script = upon("put", Silence())
    serial = shop.dock({**WHOLE, BIG: 2 * MIB})
    shop.at.station.until(lambda: "put" in shop.store.proxy.heard, "it was asked")
    other = shop.at.world.film(WHOLE)
    shop.at.world.dock(other, "B2")
    verified(shop.at.station, shop.at.world, serial, clips=2)
    verified(shop.at.station, shop.at.world, other, clips=1)
    says_what_to_do(shop.at.clip(serial, SMALL.encode()))
    shop.at.world.check()
    shop.store.proxy.script = honest
    shop.store.proxy.ended.set()
    cleared(shop.at.station, shop.at.world, other)
    # It may be clear by now: what waited for the store alone went on with the first success.
    shop.ends_well(serial)


def test_a_store_that_nobody_runs_is_unreachable(shop: Shop) -> None:
    """Nobody listening is the network's trouble; footage waits in the spool and is sent later."""
    right, shop.store.proxy.endpoint = shop.store.proxy.endpoint, "http://127.0.0.1:9"
    shop.at.station.configure(Settings())
    serial = shop.dock(WHOLE)
    shop.at.troubled("store-unreachable", about="store central")
    shop.at.station.happened("clip-verified")
    shop.still_there(serial)
    shop.at.station.stop()
    shop.store.proxy.endpoint = right
    shop.at.station.configure(Settings())
    shop.at.station.start()
    shop.behaves(serial, "store-unreachable")


def test_a_wrong_composite_checksum_holds_the_clip(shop: Shop) -> None:
    """A store that names another checksum than the spool's has the clip held, never cleared."""

    def lie(reply: Reply) -> Reply:
        headers = {
            name: WRONG.decode() + "-2" if name.lower() == "x-amz-checksum-sha256" else value
            for name, value in reply.headers.items()
        }
        return replace(reply, headers=headers)

    shop.store.proxy.script = upon("head", Pass(lie))
    serial = shop.dock(PARTS)
    shop.at.troubled("store-conflict", about="clip ")
    found = shop.at.clip(serial, BIG.encode())
    says_what_to_do(found)
    assert (found["place"], found["held"]) == ("held", "error")
    shop.still_there(serial)
    shop.store.proxy.script = honest
    shop.at.station.order("retry", "clips", clip_id(shop.at.world, serial, BIG))
    shop.behaves(serial, "store-conflict")


@pytest.mark.parametrize("gives", ["other", "nothing"])
def test_a_store_that_gives_other_content_than_it_says_clears_no_camera(
    shop: Shop, gives: str
) -> None:
    """Verify finds it and the clip is held, however often a person lets go of it meanwhile.

    The store repeats its receipt whenever it is asked: from the doubt on that is not enough.
    """

    def other(reply: Reply) -> Reply:
        return replace(reply, body=bytes(len(reply.body)))

    def restarted(settings: Settings) -> None:
        shop.at.station.stop()
        shop.at.station.configure(settings)
        shop.at.station.start()

    shop.at.station.configure(Settings(wipe_after="never"))
    serial = shop.dock(WHOLE)
    shop.at.station.happened("receipt-accepted", strength="digest", how="checksum")
    answer = Pass(other) if gives == "other" else error(404, "NoSuchKey")
    shop.store.proxy.script = upon("get", answer)
    status, answered = verification(shop.at.station)
    assert (status, len(answered["bad"])) == (1, 1)
    shop.at.station.happened("clip-retried" if gives == "nothing" else "clip-held")
    if gives == "other":
        restarted(Settings())
        shop.at.station.order("release", "clips", clip_id(shop.at.world, serial, SMALL))
    shop.at.troubled("store-conflict", about="clip ")
    restarted(Settings())
    held = len(shop.at.station.all("clip-held"))
    shop.at.station.order("retry", "clips", clip_id(shop.at.world, serial, SMALL))
    shop.at.station.happened("clip-held", count=held + 1)
    says_what_to_do(shop.at.clip(serial, SMALL.encode()))
    assert shop.at.station.count("wipe-intended") == shop.at.station.count("receipt-lost") == 0
    shop.still_there(serial)
    shop.store.proxy.script = honest
    shop.at.station.order("release", "clips", clip_id(shop.at.world, serial, SMALL))
    shop.behaves(serial, "store-conflict")
