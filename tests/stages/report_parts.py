"""The report of a charged station: what people are told of its slots."""

from typing import cast

from dockd.stages.report import Report, ReportPolicy
from dockd.stages.uplink import UplinkBoard
from dockd.stages.wellness import Wellness
from tests.stages.charging import FOR_BOTH, Station


def report_of(it: Station) -> Report:
    """Make the report of a station's slots; what it says beyond them is not asked for."""
    report = Report(
        ledger=it.rig.ledger,
        spool=it.rig.spool,
        board=it.rig.board,
        problems=it.rig.problems,
        uplink=cast("UplinkBoard", None),
        clock=it.rig.clock,
        policy=ReportPolicy(
            station="rig",
            site="",
            version="",
            required=1,
            stores=frozenset(it.rig.stores),
            wiping=True,
            power_driver="usb-port",
            budget_w=FOR_BOTH,
        ),
        wellness=cast("Wellness", None),
        shared_holds=it.rig.shared_holds,
    )
    report.charge = it.charge
    return report
