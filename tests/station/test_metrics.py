"""The metrics, as Prometheus reads them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dockd.chargers.none import NoCharger
from dockd.core.charge_words import PlanPolicy
from dockd.stages.charge import Charge, ChargePolicy
from dockd.stages.slot_power import SlotPower
from dockd.station import metrics
from tests.station import ledger_parts as parts
from tests.station.answering_parts import answering, camera_in

NAMED_IN_THE_DESIGN = {
    "dockd_clips", "dockd_slots", "dockd_problems", "dockd_oldest_unstored_seconds",
    "dockd_spool_free_bytes", "dockd_offload_bytes", "dockd_upload_bytes",
    "dockd_uplink_queued_bytes", "dockd_wiped_clips",
}  # fmt: skip
LABELS = {"place", "state", "slug", "severity", "store", "version"}


@pytest.mark.asyncio
async def test_the_metrics_of_the_design_are_there(tmp_path: Path) -> None:
    """Every metric that the design names is exposed, with its labels, and can be parsed."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1), parts.seen(2))
        camera_in(station.board)
        await station.problems.open("store-unreachable", subject="store central", reason="x")
        response = await station.by_tcp.get("/metrics")
        assert response.headers["content-type"] == metrics.CONTENT_TYPE
        families = {family.name: family for family in text_string_to_metric_families(response.text)}
    assert families.keys() >= NAMED_IN_THE_DESIGN
    clips = {sample.labels["place"]: sample.value for sample in families["dockd_clips"].samples}
    assert (clips["verified"], clips["seen"], clips["wiped"]) == (1, 1, 0)
    assert families["dockd_problems"].samples[0].labels == {
        "slug": "store-unreachable", "severity": "warn",
    }  # fmt: skip
    assert families["dockd_upload_bytes"].samples[0].name == "dockd_upload_bytes_total"


@pytest.mark.asyncio
async def test_the_error_of_the_readiness_forecasts_is_exported(tmp_path: Path) -> None:
    """The median of the last forecasts' errors, in seconds; nothing before there is one."""
    async with answering(tmp_path) as station:
        measured = await station.report.measurements()
    name = "dockd_readiness_forecast_error_seconds"
    assert name not in metrics.exposition(measured).decode()
    text = metrics.exposition(replace(measured, forecast_error_s=420.0)).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert [sample.value for sample in families[name].samples] == [420.0]


@pytest.mark.asyncio
async def test_the_error_that_is_exported_is_of_the_last_forecasts(tmp_path: Path) -> None:
    """What the charging measured at each docking's end is what the metric is made of."""
    async with answering(tmp_path) as station:
        charge = Charge(
            NoCharger(["A1"]),
            ledger=station.ledger,
            board=station.board,
            power=SlotPower(),
            problems=station.problems,
            clock=station.clock,
            policy=ChargePolicy(plan=PlanPolicy(budget_w=90.0, camera_w=7.5)),
        )
        station.report.charge = charge
        charge.forecast_errors_s.extend([30, 420, 9000])
        text = (await station.by_tcp.get("/metrics")).text
    assert "dockd_readiness_forecast_error_seconds 420.0\n" in text


@pytest.mark.asyncio
async def test_no_label_can_grow_without_bound(tmp_path: Path) -> None:
    """No camera, clip or path is a label, and names follow Prometheus's rules."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1))
        text = metrics.exposition(await station.report.measurements()).decode()
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation
        if family.name.startswith("dockd_"):
            assert all(sample.labels.keys() <= LABELS for sample in family.samples)
    assert parts.CAMERA not in text
