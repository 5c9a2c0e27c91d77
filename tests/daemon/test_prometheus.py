"""A station that a real Prometheus scrapes as a fleet's does, and what the dashboard then shows."""

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared
from tests.daemon.world import SMALL, World
from tests.fakes.certificates import self_signed
from tests.fakes.prometheus import OPS, Prometheus, prometheus, set_up

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(120)]
# What a person chooses in Grafana, and what Grafana puts in for a rate.
CHOSEN = {"$site": "tests", "$station": "test-.*", "$__rate_interval": "1m"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A station's surroundings, with a share for a store."""
    return World(tmp_path, room=Share(tmp_path))


def beyond_loopback(folder: Path, token: str) -> Settings:
    """Return the configuration of a station that answers whoever has a token, over TLS."""
    certificate, key = self_signed(folder, "station")
    (folder / "token").write_text(token)
    # So fast a limit is none, and shown all the same.
    return Settings(
        rate_limit_mbit_s=10_000,
        http=f'tls_cert = "{certificate}"\ntls_key = "{key}"\ntoken_file = "{folder}/token"\n',
    )


def scraping(folder: Path, token: str) -> Path:
    """Set a Prometheus up by the files of the package, in more of a hurry; return its folder."""
    home = set_up(folder)
    config = home / "prometheus.yml"
    config.write_text(config.read_text().replace("_interval: 30s", "_interval: 1s"))
    (home / "dockd.token").write_text(token)
    (home / "dockd-ca.pem").write_bytes((folder / "station.pem").read_bytes())
    for target in (home / "targets").iterdir():
        target.unlink()
    return home


def name_target(home: Path, process: StationProcess) -> None:
    """Name the station in a file of targets, as the package's example does."""
    listen, station = process.get("/v1/status")["listen"], process.world.station
    example = (OPS / "targets/example.yml").read_text()
    mine = example.replace("lambeth-03.dock.example:8470", listen)
    (home / "targets/tests.yml").write_text(
        re.sub(r"labels: .*", f"labels: {{site: tests, station: {station}}}", mine)
    )


def shown() -> Iterator[tuple[str, str]]:
    """Yield the panels of the dashboard and their queries, with everything chosen."""
    for panel in json.loads((OPS / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for variable, value in CHOSEN.items():
                query = query.replace(variable, value)
            yield panel["title"], query


def is_scraped(server: Prometheus) -> bool:
    """Return whether a second scrape has everything: a problem, a store, and rates of both."""
    # The reading side must not be asked for what a first scrape cannot have.
    return bool(server.query("dockd_problems and on (station) rate(dockd_ledger_events_total[1m])"))


def test_every_panel_shows_a_real_station(tmp_path: Path, world: World) -> None:
    """Scraped over TLS with its token, a station gives each panel something and each rule sense."""
    token = secrets.token_hex(16)
    with station(world, settings=beyond_loopback(tmp_path, token)) as process:
        process.start()
        home = scraping(tmp_path, token)
        name_target(home, process)
        with prometheus(home) as server:
            serial = world.film({SMALL: 1000})
            world.dock(serial, "A1")
            cleared(process, world, serial)
            # Two cameras that say that they are the same one: a problem that stays.
            for slot in ("A2", "A3"):
                (world.rack / slot / "BWC-TWIN").mkdir(parents=True)
            process.happened("problem-opened", slug="camera-duplicate-serial")
            server.until(lambda: is_scraped(server), "the station is scraped")
            empty = [title for title, query in shown() if not server.query(query)]
            groups = server.ask("/api/v1/rules")["groups"]
            stations = server.ask("/api/v1/label/station/values")
        process.stop()
    assert empty == []
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert len(groups) == len(("problems", "station"))
    assert stations == [world.station]
