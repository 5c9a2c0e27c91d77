"""The station's surfaces: the report on what it is and does, and the listeners that show it."""

from collections.abc import Mapping
from dataclasses import dataclass

import dockd
from dockd.config import Config, HttpConfig
from dockd.daemon.building import StoreLane
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.ports.spool import Spool
from dockd.stages.board import SlotBoard
from dockd.stages.obey import Obey
from dockd.stages.problems import ProblemBoard
from dockd.stages.report import Report, ReportPolicy
from dockd.stages.uplink import UplinkBoard
from dockd.stages.wellness import Wellness, WellnessPolicy
from dockd.station.http import HttpServer, TcpSettings, build_app
from dockd.stores.rate_limited import SharedRate


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """What answers for the station; `uplink` and `report` listen to commits."""

    report: Report
    uplink: UplinkBoard
    server: HttpServer

    def bind(self) -> None:
        """Bind the listeners. Raises ListenerRefused."""
        self.server.bind()
        self.report.listen = self.server.listen


def surfaces(
    config: Config,
    *,
    ledger: Ledger,
    spool: Spool,
    board: SlotBoard,
    problems: ProblemBoard,
    lanes: Mapping[str, StoreLane],
    rate: SharedRate,
    clock: Clock,
) -> Surfaces:
    """Return the surfaces of a station; nothing is bound yet."""
    uplink = UplinkBoard(
        clock=clock,
        breakers={name: _breaker_of(lane) for name, lane in lanes.items()},
        sent_bytes=lambda: _sent(lanes, rate),
        limit_bytes_s=lambda: rate.rate_bytes_s,
    )
    wellness = Wellness(
        ledger=ledger, spool=spool, problems=problems, clock=clock, policy=wellness_policy(config)
    )
    report = Report(
        ledger=ledger,
        spool=spool,
        board=board,
        problems=problems,
        uplink=uplink,
        wellness=wellness,
        clock=clock,
        policy=report_policy(config),
    )
    app = build_app(report, actions=Obey(ledger=ledger), version=dockd.__version__)
    server = HttpServer(app, clock=clock, tcp=tcp_settings(config.http), unix=config.http.socket)
    return Surfaces(report=report, uplink=uplink, server=server)
