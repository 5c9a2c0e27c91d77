"""What people and other systems see of a station, joined: report, health, HTTP, MQTT."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import dockd
from dockd.core import facts
from dockd.daemon import building
from dockd.daemon.station import Station
from dockd.ports.clock import Clock
from dockd.stages.announce import Announce
from dockd.stages.enduring import enduring
from dockd.stages.follow import Follow
from dockd.stages.guesses import Guesses
from dockd.stages.heed import Heed
from dockd.stages.obey import Obey
from dockd.stages.report import Report, ReportPolicy
from dockd.stages.uplink import UplinkBoard
from dockd.stages.wellness import Wellness, WellnessPolicy
from dockd.station.http import HttpServer, TcpSettings, build_app


class Surfaces:
    """The station's HTTP listeners, its voice at a broker, and what stands behind them."""

    def __init__(self, station: Station, *, clock: Clock) -> None:
        """Build them on a station that does not run yet."""
        config = station.config
        self._station = station
        self._clock = clock
        self._uplink = UplinkBoard(
            clock=clock,
            breakers={name: lane.breaker for name, lane in station.lanes.items()},
            sent_bytes=lambda: {name: lane.sent_bytes() for name, lane in station.lanes.items()},
            limit_bytes_s=lambda: station.rate.rate_bytes_s,
        )
        wellness = Wellness(
            ledger=station.ledger,
            spool=station.spool,
            problems=station.problems,
            clock=clock,
            policy=WellnessPolicy(
                station=config.station.name,
                version=dockd.__version__,
                has_stores=bool(station.stores),
            ),
            watchdog_fed_ago_s=lambda: clock.monotonic_s() - station.pulse.beat_s,
        )
        self._report = Report(
            ledger=station.ledger,
            spool=station.spool,
            board=station.board,
            problems=station.problems,
            uplink=self._uplink,
            clock=clock,
            policy=self._policy(),
            wellness=wellness,
            shared_holds=station.shared_holds,
        )
        self._report.turns = station.turns
        self._report.charge = station.charge
        self._report.wear = station.wear
        self._follow = Follow(self._report, ledger=station.ledger, clock=clock)
        self._actions = Obey(ledger=station.ledger, holds=station.holds, safety_cuts=station.charge)
        app = build_app(
            self._report,
            news=self._follow,
            actions=self._actions,
            version=dockd.__version__,
        )
        self._guesses = Guesses(problems=station.problems, clock=clock)
        self._server = HttpServer(
            app,
            clock=clock,
            tcp=TcpSettings(
                host=config.http.listen.host,
                port=config.http.listen.port,
                tls_cert=config.http.tls_cert,
                tls_key=config.http.tls_key,
                client_ca=config.http.client_ca,
                token_file=config.http.token_file,
            ),
            unix=config.http.socket,
            guessed=self._guesses.noted,
        )
        self._heed = self._heeding()
        self._announce = self._announcing()
        station.ledger.on_commit(self._heard)

    def _heeding(self) -> Heed | None:
        config = self._station.config
        seal = building.command_seal(config)
        if seal is None:
            return None
        return Heed(
            seal,
            site=config.station.site,
            station=config.station.name,
            ledger=self._station.ledger,
            actions=self._actions,
            problems=self._station.problems,
            clock=self._clock,
            now=self._station.timekeeping.vouched_now,
        )

    def _announcing(self) -> Announce | None:
        broker = building.broker(self._station.config)
        if broker is None:
            return None
        announce = Announce(
            broker,
            topics=building.topics(self._station.config),
            view=self._report,
            problems=self._station.problems,
            clock=self._clock,
            heed=self._heed,
        )
        self._station.narrator.also = announce.happened
        return announce

    def _policy(self) -> ReportPolicy:
        config = self._station.config
        return ReportPolicy(
            station=config.station.name,
            site=config.station.site,
            version=dockd.__version__,
            required=config.stores.required,
            stores=config.counting_stores,
            wiping=config.wipe.after == "receipt",
            power_driver=config.power.driver,
            budget_w=config.power.budget_w,
        )

    def reloaded(self) -> None:
        """Take over what a reload changed."""
        self._report.policy = self._policy()

    def bind(self) -> None:
        """Bind both listeners, before anything runs.

        Raises:
            ListenerRefused: one of them cannot be.
        """
        self._server.bind()
        self._report.listen = self._server.listen

    async def recall(self) -> None:
        """Take over what was known before this start, so that nothing is shown as unknown.

        Problems first: one that is found meanwhile would be forgotten, and said a second time.
        """
        ledger = self._station.ledger
        await self._station.problems.restore()
        for name in self._station.stores:
            self._uplink.recall(name, await ledger.store_memory(name))
        last = await ledger.last_checkpoint()
        if last is not None:
            self._report.heard([last])

    async def run(self) -> None:
        """Answer and announce until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._server.run(), name="http listeners")
            group.create_task(self._enduring("history", self._follow.run), name="http history")
            group.create_task(self._enduring("guesses", self._guesses.run), name="http guesses")
            if self._announce is not None:
                group.create_task(self._enduring("mqtt", self._announce.run), name="mqtt")
            if self._heed is not None:
                group.create_task(self._enduring("commands", self._heed.run), name="commands")

    async def _enduring(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        await enduring(name, run, problems=self._station.problems, clock=self._clock)

    def _heard(self, committed: Sequence[facts.Fact]) -> None:
        self._uplink.heard(committed)
        self._report.heard(committed)
        if self._announce is not None:
            self._announce.heard(committed)
