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
from tests.fakes.tunnel import tunnel_proxy

pytestmark = pytest.mark.asyncio

STORED = Answer(200, b"", {"ETag": '"e"'})


class Site:
    """A store and a station that know each other by certificates of their own making."""

    def __init__(self, folder: Path, *, host: str | None = None) -> None:
        self._folder = folder
        self._hosts = [host] if host else []
        self._rounds = 0
        self.server = self_signed(folder, "store", hosts=self._hosts)
        self.client = self_signed(folder, "station")

    def renew(self) -> None:
        """Replace all four files, as whoever issues them does."""
        self._rounds += 1
        folder = self._folder / str(self._rounds)
        folder.mkdir()
        for new, old in zip(
            (*self_signed(folder, "store", hosts=self._hosts), *self_signed(folder, "station")),
            (*self.server, *self.client),
            strict=True,
        ):
            new.replace(old)

    def server_side(self) -> ssl.SSLContext:
        """Return what the store is run with now: it believes the station's certificate alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server)
        context.load_verify_locations(self.client[0])
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def store(self, endpoint: str) -> S3Store:
        """Return the station's client."""
        credentials = self._folder / "credentials"
        credentials.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=b\n")
        options = S3Options(
            name="central",
            endpoint=endpoint,
            bucket="footage",
            station="test-01",
            credentials=credentials,
            ca_file=self.server[0],
            client_cert=self.client[0],
            client_key=self.client[1],
        )
        return S3Store(options, clock=StillClock())


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


async def test_a_tunnel_leads_through_a_proxy_to_a_store_that_both_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HTTPS_PROXY, a private CA and mutual TLS at once, questions and bodies arrive."""
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    site = Site(tmp_path, host="store.invalid")
    async with broken_s3(lambda _: STORED, clock=StillClock(), tls=site.server_side()) as server:
        port = server.endpoint.rpartition(":")[2]
        async with tunnel_proxy() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            store = site.store(f"https://store.invalid:{port}")
            with sending(content_of(100_000)) as outgoing:
                await store.find_object(outgoing)
                await store.put_whole(outgoing)
            await store.close()
    assert server.abouts() == ["head", "put"]
    assert proxy.opened == [f"store.invalid:{port}"] * 2


async def test_a_certificate_that_is_replaced_is_shown_from_then_on(tmp_path: Path) -> None:
    """A station whose certificate and authority are renewed goes on without a restart."""
    site = Site(tmp_path)
    tls = site.server_side()
    async with broken_s3(lambda _: Answer(404), clock=StillClock(), tls=tls) as server:
        store = site.store(server.endpoint)
        before = site.client[0].read_bytes()
        site.renew()
        # The store goes over to its own new certificate as well, and believes the new one only.
        new = site.server_side()
        tls.load_cert_chain(*site.server)
        tls.load_verify_locations(site.client[0])
        tls.sni_callback = lambda connection, *_: setattr(connection, "context", new)
        with sending(content_of(1)) as outgoing:
            assert await store.find_object(outgoing) is None
        await store.close()
    assert before != site.client[0].read_bytes()


async def test_half_of_a_renewal_changes_nothing(tmp_path: Path) -> None:
    """Between the new certificate and its new key the old pair is shown."""
    site = Site(tmp_path)
    async with broken_s3(lambda _: STORED, clock=StillClock(), tls=site.server_side()) as server:
        store = site.store(server.endpoint)
        (tmp_path / "later").mkdir()
        certificate, _ = self_signed(tmp_path / "later", "station")
        certificate.replace(site.client[0])
        with sending(content_of(1)) as outgoing:
            await store.put_whole(outgoing)
        await store.close()
