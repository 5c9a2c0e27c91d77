"""Who may ask, and under which name: loopback, certificates, tokens and the sessions of them."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import httpx2
import pytest

from dockd.station.http.limits import Limits
from tests.fakes import certificates
from tests.station.answering_parts import answering, connected, ended, lines_of


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8470", 200),
        ("127.0.0.1", 200),
        ("127.0.0.2:1", 200),
        ("localhost:9000", 200),
        ("[::1]:8470", 200),
        ("rebound.example", 421),
        ("rebound.example:8470", 421),
        ("127.0.0.1.rebound.example", 421),
        ("localhost.rebound.example:8470", 421),
        ("10.0.0.1", 421),
        ("127.0.0.1:8470@rebound.example", 421),
        ("[::1", 421),
    ],
)
async def test_the_station_itself_is_asked_by_its_own_name(
    tmp_path: Path, host: str, status: int
) -> None:
    """On loopback no page of another name reads anything, wherever that name leads (rebinding)."""
    async with answering(tmp_path) as station:
        for path in ("/v1/status", "/", "/v1/events", "/metrics"):
            async with station.by_tcp.stream("GET", path, headers={"host": host}) as response:
                assert response.status_code == status
                if status != 200:
                    await response.aread()
                    assert response.json()["slug"] == "host-refused"


@pytest.mark.asyncio
async def test_no_browser_takes_an_answer_for_a_page(tmp_path: Path) -> None:
    """Answers and refusals hold names as cameras gave them: each is its type and no other, once."""
    async with answering(tmp_path) as station:
        for path in (
            "/",
            "/v1/status",
            "/metrics",
            "/healthz",
            "/openapi.json",
            "/v1/clips/x",
            "/x",
        ):
            answer = await station.by_tcp.get(path)
            assert answer.headers.get_list("x-content-type-options") == ["nosniff"], path


@pytest.mark.asyncio
async def test_a_probe_without_a_name_is_answered(tmp_path: Path) -> None:
    """HTTP/1.0 has no Host, and no browser speaks it: a simple probe is let in."""
    async with answering(tmp_path) as station, connected(station) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b" 200 OK" in (await ended(reader)).splitlines()[0]


@pytest.mark.asyncio
async def test_beyond_the_station_any_name_will_do_and_tls_and_token_are_asked_for(
    tmp_path: Path,
) -> None:
    """A listener for others is asked by the names that they have for it."""
    cert, key = certificates.self_signed(tmp_path, "station")
    token = tmp_path / "token"
    token.write_text("first of all tokens")
    settings = {"host": "0.0.0.0", "tls_cert": cert, "tls_key": key, "token_file": token}  # noqa: S104 - as others reach it
    async with answering(tmp_path, **settings) as station:
        port = station.server.listen.rpartition(":")[2]
        trust = ssl.create_default_context(cafile=cert)
        async with httpx2.AsyncClient(verify=trust, base_url=f"https://127.0.0.1:{port}") as client:
            headers = {"host": "station.example"}
            assert (await client.get("/v1/status", headers=headers)).status_code == 401
            answer = await client.post(
                "/login", data={"token": "first of all tokens"}, headers=headers
            )
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            assert {"secure", "httponly", "samesite=strict"} <= {
                part.strip().lower() for part in answer.headers["set-cookie"].split(";")
            }
        async with connected(station) as (reader, writer):
            writer.write(b"GET /v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert b"HTTP/" not in await ended(reader)


@pytest.mark.asyncio
async def test_a_reader_over_tls_leaves_no_trace_in_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection over TLS is an everyday thing; one that has read everything owes nothing."""
    cert, key = certificates.self_signed(tmp_path, "station")
    settings = {"tls_cert": cert, "tls_key": key, "limits": Limits(read_within_s=0.3)}
    async with answering(tmp_path, **settings) as station:
        url = f"https://{station.server.listen}"
        trust = ssl.create_default_context(cafile=cert)
        async with (
            httpx2.AsyncClient(verify=trust, base_url=url) as client,
            client.stream("GET", "/v1/events") as response,
            contextlib.aclosing(lines_of(response)) as lines,
        ):
            # A status every 20 ms: longer altogether than an answer may lie unread.
            for _ in range(200):
                await anext(lines)
    assert caplog.records == []


@pytest.mark.asyncio
async def test_a_client_certificate_is_enough_and_none_is_not(tmp_path: Path) -> None:
    """With `client_ca` whoever shows its certificate reads and follows; nobody else gets a word."""
    cert, key = certificates.self_signed(tmp_path, "station")
    client_cert, client_key = certificates.self_signed(tmp_path, "central")
    settings = {"host": "0.0.0.0", "tls_cert": cert, "tls_key": key, "client_ca": client_cert}  # noqa: S104 - as others reach it
    async with answering(tmp_path, **settings) as station:
        url = f"https://127.0.0.1:{station.server.listen.rpartition(':')[2]}"
        trust = ssl.create_default_context(cafile=cert)
        async with httpx2.AsyncClient(verify=trust, base_url=url) as nobody:
            with pytest.raises(httpx2.TransportError):
                await nobody.get("/v1/status")
        trust.load_cert_chain(client_cert, client_key)
        async with httpx2.AsyncClient(verify=trust, base_url=url) as central:
            assert (await central.get("/v1/status")).status_code == 200
            async with (
                central.stream("GET", "/v1/events") as response,
                contextlib.aclosing(lines_of(response)) as lines,
            ):
                assert await anext(lines) == "event: slot"


@pytest.mark.asyncio
async def test_a_session_is_the_tokens_and_ends(tmp_path: Path) -> None:
    """A cookie lets in to read and to follow, until its time or its token is over, or changed."""
    token = tmp_path / "token"
    token.write_text("first of all tokens\n")
    async with answering(tmp_path, token_file=token) as station:
        assert (await station.by_tcp.post("/login", data={"token": "frist of all tokens"})).headers[
            "location"
        ] == "/login#refused"
        assert (await station.by_tcp.post("/login", content=b"\xff=%ff&token")).status_code == 303
        answer = await station.by_tcp.post("/login", data={"token": "first of all tokens"})
        cookie = answer.headers["set-cookie"].partition(";")[0]
        until, _, proof = cookie.partition("=")[2].partition(".")
        station.by_tcp.cookies.clear()

        async def status(cookie: str, path: str = "/v1/events") -> int:
            headers = {b"cookie": cookie.encode("latin-1")}
            async with station.by_tcp.stream("GET", path, headers=headers) as response:
                return response.status_code

        assert await status(cookie) == 200
        assert await status(f"a=b; {cookie}; c=d", "/v1/status") == 200
        # Cookies are the host's, not the port's: whatever else runs there sets its own, in its way.
        for other in ('theme={"dark": true}', "last visit=today", "name=J\xf6rg", "x", "a=b,c@d"):
            assert await status(f"{other}; {cookie}", "/v1/status") == 200, other
            assert await status(f"{cookie};{other}", "/v1/status") == 200, other
        for wrong in (
            "", "dockd-session=", "dockd-session=first of all tokens",
            f"dockd-session={until}.", cookie[:-1],
            f"dockd-session={int(until) + 1}.{proof}", "dockd-session=9" * 900, "\xff", "a=;;=",
        ):  # fmt: skip
            assert await status(wrong) == 401, wrong
        station.clock.advance(91 * 86_400)
        assert await status(cookie) == 401


@pytest.mark.asyncio
async def test_nobody_holds_a_connection_who_may_not_read(tmp_path: Path) -> None:
    """Whatever a stranger is answered ends the connection; a reader's and the socket's go on."""
    token = tmp_path / "token"
    token.write_text("open sesame, at once\n")
    strangers = (
        b"GET / HTTP/1.1\r\n", b"GET /v1/status HTTP/1.1\r\nauthorization: Bearer x\r\n",
        b"GET /login HTTP/1.1\r\n", b"GET /page/page.css HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\naccept: text/html\r\n", b"GET / HTTP/1.1\r\nhost: rebound.example\r\n",
        b"POST /login HTTP/1.1\r\ncontent-length: 0\r\n",
        b"POST /v1/clips/x/hold HTTP/1.1\r\ncontent-length: 0\r\n",
    )  # fmt: skip
    async with answering(tmp_path, token_file=token) as station:
        for asked in strangers:
            named = b"" if b"host:" in asked else b"host: localhost\r\n"
            async with connected(station) as (reader, writer):
                writer.write(asked + named + b"\r\n")
                # Sooner than by the 15 s after which uvicorn ends an idle connection.
                async with asyncio.timeout(10):
                    assert b"\r\nconnection: close\r\n" in (await ended(reader)).lower(), asked
        known = {"authorization": "Bearer open sesame, at once"}
        for answer in (
            await station.by_tcp.get("/v1/status", headers=known),
            await station.by_socket.get("/v1/status"),
        ):
            assert "connection" not in answer.headers


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "form",
    [
        b"a&a&a&a&a&a",
        b"a=1&token=open+sesame,+at+once&c=3&d=4&e=5",
        b"\xff\xfe",
        b"%ff=%fe&token=%ff",
        b"",
    ],
    ids=["names-only", "too-many-fields", "no-text", "no-text-escaped", "nothing"],
)
async def test_what_is_no_login_form_is_a_wrong_login(
    tmp_path: Path, form: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends anything at all to the login is refused, and the journal hears nothing."""
    token = tmp_path / "token"
    token.write_text("open sesame, at once\n")
    async with answering(tmp_path, token_file=token) as station:
        refused = await station.by_tcp.post("/login", content=form)
        assert (refused.status_code, refused.headers["location"]) == (303, "/login#refused")
    assert caplog.records == []


@pytest.mark.asyncio
async def test_a_token_of_any_script_logs_in(tmp_path: Path) -> None:
    """The token's file is UTF-8, and so is what a browser sends of it."""
    token = tmp_path / "token"
    token.write_text("sésame, ouvre-toi ✓\n", encoding="utf-8")
    async with answering(tmp_path, token_file=token) as station:
        shown = {"token": token.read_text(encoding="utf-8").strip()}
        assert (await station.by_tcp.post("/login", data=shown)).headers["location"] == "/"


@pytest.mark.asyncio
async def test_a_wrong_token_is_answered_late_and_a_right_one_at_once(tmp_path: Path) -> None:
    """A guess, by header or at the login, costs a second; readers do not wait for it."""
    token = tmp_path / "token"
    token.write_text("first of all tokens\n")
    async with answering(tmp_path, token_file=token) as station:
        station.clock.goes_on.clear()
        guesses = (
            station.by_tcp.get(
                "/v1/status", headers={"authorization": "Bearer frist of all tokens"}
            ),
            station.by_tcp.post("/login", data={"token": "frist of all tokens"}),
        )
        for guess in guesses:
            station.clock.stands.clear()
            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                guessing = group.create_task(guess)
                await station.clock.stands.wait()
                right = {"authorization": "Bearer first of all tokens"}
                assert (await station.by_tcp.get("/v1/slots", headers=right)).status_code == 200
                login = await station.by_tcp.post("/login", data={"token": "first of all tokens"})
                assert login.headers["location"] == "/"
                station.by_tcp.cookies.clear()
                station.clock.goes_on.set()
            assert guessing.result().status_code in (401, 303)
            station.clock.goes_on.clear()
        assert station.clock.slept == [1.0, 1.0]


@pytest.mark.asyncio
async def test_a_token_that_can_be_guessed_is_none(tmp_path: Path) -> None:
    """One that gets too short while the station runs lets nobody in, by header or at the login."""
    token = tmp_path / "token"
    token.write_text("fifteen letters\n")
    async with answering(tmp_path, token_file=token) as station:
        shown = {"authorization": "Bearer fifteen letters"}
        assert (await station.by_tcp.get("/v1/status", headers=shown)).status_code == 401
        login = await station.by_tcp.post("/login", data={"token": "fifteen letters"})
        assert login.headers["location"] == "/login#refused"
        token.write_text("sixteen letters!\n")
        shown = {"authorization": "Bearer sixteen letters!"}
        assert (await station.by_tcp.get("/v1/status", headers=shown)).status_code == 200


@pytest.mark.asyncio
async def test_wrong_tokens_are_told_of_and_nothing_else_is(tmp_path: Path) -> None:
    """Each guess is, by header or at the login, with its address; no token at all is no guess."""
    token = tmp_path / "token"
    token.write_text("first of all tokens\n")
    async with answering(tmp_path, token_file=token) as station:
        assert (await station.by_tcp.get("/v1/status")).status_code == 401
        assert (await station.by_tcp.get("/", headers={"cookie": "dockd-session=1.2"})).is_error
        right = {"authorization": "Bearer first of all tokens"}
        assert (await station.by_tcp.get("/v1/status", headers=right)).status_code == 200
        assert station.guessed == []
        wrong = {"authorization": "Bearer frist of all tokens"}
        assert (await station.by_tcp.get("/v1/status", headers=wrong)).status_code == 401
        await station.by_tcp.post("/login", data={"token": "frist of all tokens"})
        assert station.guessed == ["127.0.0.1"] * 2


@pytest.mark.asyncio
async def test_whoever_follows_is_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new token ends what was followed with the old one; until then it goes on."""
    token = tmp_path / "token"
    token.write_text("first of all tokens\n")
    async with answering(tmp_path, token_file=token, limits=Limits(key_again_s=0.1)) as station:
        headers = {"authorization": "Bearer first of all tokens"}
        async with (
            asyncio.timeout(30),
            station.by_tcp.stream("GET", "/v1/events", headers=headers) as response,
            contextlib.aclosing(lines_of(response)) as lines,
        ):
            # A status every 20 ms: the key is asked for again meanwhile.
            for _ in range(100):
                await anext(lines)
            token.write_text("second of all tokens\n")
            async for _ in lines:
                pass
    assert caplog.records == []


@pytest.mark.asyncio
async def test_without_a_token_there_is_no_way_in_but_to_the_login(tmp_path: Path) -> None:
    """What the login page is made of is shown to everybody, and nothing else is."""
    token = tmp_path / "token"
    token.write_text("first of all tokens\n")
    async with answering(tmp_path, token_file=token) as station:
        for path in ("/login", "/page/page.css", "/page/icon.svg"):
            assert (await station.by_tcp.get(path)).status_code == 200
        for path in ("/", "/page/main.js", "/openapi.json", "/healthz", "/v1/history"):
            assert (await station.by_tcp.get(path)).status_code == 401
        sent = await station.by_tcp.get("/", headers={"accept": "text/html,*/*"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/login")
        order = await station.by_tcp.post("/v1/clips/x/hold", json={"why": "x"})
        assert order.status_code == 401
