"""Whom an S3 store believes, and to whom it shows itself, over TLS."""

import ssl
from pathlib import Path

import pytest

from dockd.errors import StoreUnreachable
from dockd.stores.s3 import S3Options, S3Store
from tests.fakes.broken_s3 import Answer, broken_s3
from tests.fakes.certificates import self_signed
from tests.fakes.clip_content import content_of, sending
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("trusts_server", "shows_itself", "works"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
async def test_both_sides_must_know_each_other_under_mutual_tls(
    tmp_path: Path, *, trusts_server: bool, shows_itself: bool, works: bool
) -> None:
    """An unknown server gets no request, and a store that wants a certificate gets ours."""
    server_certificate, server_key = self_signed(tmp_path, "store")
    client_certificate, client_key = self_signed(tmp_path, "station")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_certificate, server_key)
    context.load_verify_locations(client_certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id=a\naws_secret_access_key=b\n"
    )
    clock = StillClock()
    async with broken_s3(lambda _: Answer(404), clock=clock, tls=context) as server:
        options = S3Options(
            name="central",
            endpoint=server.endpoint,
            bucket="footage",
            station="test-01",
            credentials=tmp_path / "credentials",
            ca_file=server_certificate if trusts_server else None,
            client_cert=client_certificate if shows_itself else None,
            client_key=client_key if shows_itself else None,
        )
        store = S3Store(options, clock=clock)
        try:
            with sending(content_of(1)) as outgoing:
                if works:
                    assert await store.find_object(outgoing) is None
                else:
                    with pytest.raises(StoreUnreachable):
                        await store.find_object(outgoing)
        finally:
            await store.close()
    assert len(server.heard) == int(works)
