"""Where a tus server points to: nothing of ours goes to anybody else."""

from pathlib import Path

import pytest

from dockd.errors import StoreUnreachable
from tests.fakes.broken_s3 import Answer, Heard, broken_s3
from tests.fakes.still_clock import StillClock
from tests.fakes.tus_script import Said, TusScript, on
from tests.stores.tus_scene import UPLOAD, begun, create, send, tus

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "HEAD", "PATCH"])
async def test_the_token_never_follows_a_redirect(
    tmp_path: Path, tls: bool, status: int, method: str
) -> None:
    """A redirect is reported to operations; where it leads hears nothing of us."""
    async with broken_s3(lambda _: Answer(), clock=StillClock()) as elsewhere:
        moved = Answer(status, headers={"Location": f"{elsewhere.endpoint}{UPLOAD}"})
        script = begun(meddle=on(method, moved))
        async with tus(script, tmp_path, tls=tls, token="s3cret") as scene:
            with pytest.raises(StoreUnreachable) as caught:
                await (create(scene) if method in {"OPTIONS", "POST"} else send(scene))
        assert elsewhere.heard == []
    assert caught.value.owner == "operations"
    assert "s3cret" not in f"{caught.value} {caught.value.fields}"


LOCATIONS_ELSEWHERE = [
    "http://elsewhere.example/files/u1",
    "https://elsewhere.example/files/u1",
    "//elsewhere.example/files/u1",
    "{scheme}://{host}:1/files/u1",
    "{other}://{netloc}/files/u1",
    "{scheme}://{netloc}@elsewhere.example/files/u1",
    "{scheme}://user:pass@{netloc}/files/u1",
    "{scheme}://{netloc}.elsewhere.example/files/u1",
    "\\\\elsewhere.example/files/u1",
    "/\\elsewhere.example/u1",
    "ftp://{netloc}/files/u1",
    "javascript:alert(1)",
    "{scheme}://{netloc}:port/files/u1",
    "{scheme}://[::1/files/u1",
    "/files/u 1",
    "/files/\tu1",
    "/files/\x7fu1",
    "/files/" + "u" * 3000,
    "",
]


@pytest.mark.parametrize("location", LOCATIONS_ELSEWHERE)
async def test_a_location_on_another_origin_is_refused(
    tmp_path: Path, tls: bool, location: str
) -> None:
    """However it is written, an upload elsewhere gets neither the footage nor the token."""

    def misplaced(heard: Heard) -> Said | None:
        if heard.method != "POST":
            return None
        netloc = heard.headers["host"]
        scheme, other = ("https", "http") if tls else ("http", "https")
        where = location.format(
            scheme=scheme, other=other, netloc=netloc, host=netloc.partition(":")[0]
        )
        return Answer(201, headers={"Location": where})

    async with tus(TusScript(meddle=misplaced), tmp_path, tls=tls) as scene:
        with pytest.raises(StoreUnreachable) as caught:
            await create(scene)
    assert caught.value.owner == "operations"
    assert set(scene.methods()) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    ("location", "upload"),
    [
        ("u1", "/files/u1"),
        ("./u1", "/files/u1"),
        ("../other/u1", "/other/u1"),
        ("/elsewhere/u1?token=a%2Fb&c", "/elsewhere/u1?token=a%2Fb&c"),
        ("{scheme}://{netloc}/files/u1#there", "/files/u1"),
        ("{SCHEME}://{netloc}/files/u1", "/files/u1"),
        ("//{netloc}/files/u1", "/files/u1"),
        ("/.tus/.uploads/7fcad6d3", "/.tus/.uploads/7fcad6d3"),
    ],
)
async def test_a_location_is_relative_or_absolute(
    tmp_path: Path, tls: bool, location: str, upload: str
) -> None:
    """Every way to write an address on the store's own origin is understood."""

    def placed(heard: Heard) -> Said | None:
        if heard.method != "POST":
            return None
        scheme = "https" if tls else "http"
        netloc = heard.headers["host"]
        where = location.format(scheme=scheme, SCHEME=scheme.upper(), netloc=netloc)
        return Answer(201, headers={"Location": where})

    async with tus(TusScript(meddle=placed), tmp_path, tls=tls) as scene:
        assert await create(scene) == upload
