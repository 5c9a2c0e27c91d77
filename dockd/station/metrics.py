"""The metrics of DESIGN.md section 9, made afresh from the station's measurements at each scrape.

No camera, clip or path is a label: their number has no bound, and a metric is no place for a name.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dockd.core.clip import Place
from dockd.core.slot import SlotState
from dockd.ports.station import Measurements

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BREAKER_STATES: Final = ("closed", "open", "half-open")


def exposition(measured: Measurements) -> bytes:
    """Return the text that Prometheus reads, the process's own metrics included."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(measured))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, measured: Measurements) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        yield from _clips(self._measured)
        yield from _rack(self._measured)
        yield from _spool(self._measured)
        yield from _uplink(self._measured)
        yield from _station(self._measured)


def _gauge(name: str, explanation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"dockd_{name}", explanation, value=value)


def _counter(name: str, explanation: str, value: float) -> Metric:
    return CounterMetricFamily(f"dockd_{name}", explanation, value=value)


def _clips(measured: Measurements) -> Iterator[Metric]:
    count = GaugeMetricFamily(
        "dockd_clips", "Clips by the place they have come to.", labels=["place"]
    )
    size = GaugeMetricFamily("dockd_clip_bytes", "Bytes of clips by place.", labels=["place"])
    for place in Place:
        count.add_metric([place], measured.clips.get(place, 0))
        size.add_metric([place], measured.clip_bytes.get(place, 0))
    yield count
    yield size
    yield _gauge(
        "oldest_unstored_seconds",
        "How long the oldest verified clip has waited to be stored.",
        measured.oldest_unstored_s,
    )
    yield _counter(
        "wiped_clips_total", "Clips cleared from their cameras, ever.", measured.wiped_clips
    )


def _rack(measured: Measurements) -> Iterator[Metric]:
    slots = GaugeMetricFamily("dockd_slots", "Slots by state.", labels=["state"])
    for state in SlotState:
        slots.add_metric([state], measured.slots.get(state, 0))
    yield slots
    problems = GaugeMetricFamily(
        "dockd_problems", "Open problems by kind.", labels=["slug", "severity"]
    )
    for (slug, severity), count in sorted(measured.problems.items()):
        problems.add_metric([slug, severity], count)
    yield problems
    yield _counter(
        "offload_bytes_total", "Bytes read from cameras since the start.", measured.offloaded_bytes
    )


def _spool(measured: Measurements) -> Iterator[Metric]:
    yield _gauge("spool_used_bytes", "Used on the spool's disk.", measured.spool_used_bytes)
    yield _gauge("spool_free_bytes", "Free on the spool's disk.", measured.spool_free_bytes)
    yield _gauge(
        "spool_reserve_bytes",
        "Free space below which no new clip is accepted.",
        measured.spool_reserve_bytes,
    )
    yield _gauge(
        "spool_accepting", "1 while new clips are accepted.", int(measured.spool_accepting)
    )


def _uplink(measured: Measurements) -> Iterator[Metric]:
    sent = CounterMetricFamily(
        "dockd_upload_bytes_total", "Bytes sent to each store since the start.", labels=["store"]
    )
    for store, size_bytes in sorted(measured.uploaded_bytes.items()):
        sent.add_metric([store], size_bytes)
    yield sent
    breakers = GaugeMetricFamily(
        "dockd_store_breaker",
        "1 for the state each store's breaker is in.",
        labels=["store", "state"],
    )
    for store, now in sorted(measured.breakers.items()):
        for state in BREAKER_STATES:
            breakers.add_metric([store, state], int(state == now))
    yield breakers
    yield _gauge("uplink_queued_bytes", "Bytes that wait for the uplink.", measured.queued_bytes)
    yield _gauge("uplink_queued_clips", "Clips that wait for the uplink.", measured.queued_clips)
    yield _gauge(
        "uplink_rate_bytes_per_second",
        "What goes over the uplink now.",
        measured.uplink_rate_bytes_s,
    )
    yield _gauge(
        "uplink_limit_bytes_per_second",
        "The limit of the uplink now; 0 is none.",
        measured.uplink_limit_bytes_s,
    )


def _station(measured: Measurements) -> Iterator[Metric]:
    version = GaugeMetricFamily("dockd_build_info", "1, with the version.", labels=["version"])
    version.add_metric([measured.version], 1)
    yield version
    yield _gauge("uptime_seconds", "How long the daemon has run.", measured.uptime_s)
    yield _counter("ledger_events_total", "Events in the record, ever.", measured.ledger_events)
    yield _gauge("ledger_epoch", "The ledger's epoch.", measured.ledger_epoch)
    yield _gauge(
        "clock_synchronised", "1 while the clock is synchronised.", int(measured.clock_synchronised)
    )
    if measured.clock_offset_s is not None:
        yield _gauge(
            "clock_offset_seconds", "What the clock still has to correct.", measured.clock_offset_s
        )
