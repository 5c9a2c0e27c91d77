"""How fast and how insistently dockd talks to a store: breaker, window, lanes, rota and rate.

All of them are immutable states with pure functions, so that a wrapper around a store keeps
one value each, and a test of a week of outages takes a millisecond.
"""

from dockd.core.flow.breaker import (
    TRANSITIONS,
    Breaker,
    BreakerEvent,
    BreakerPolicy,
    BreakerState,
    Outcome,
    Ticket,
    admit,
    settle,
    time_to_probe_s,
)
from dockd.core.flow.bucket import Bucket, burst_bytes, portion_bytes, reserve, with_rate
from dockd.core.flow.lanes import is_free
from dockd.core.flow.rota import Rota, ask, serve, withdraw
from dockd.core.flow.window import MOST_PARTS, Window, after_congestion, after_success

__all__ = [
    "MOST_PARTS",
    "TRANSITIONS",
    "Breaker",
    "BreakerEvent",
    "BreakerPolicy",
    "BreakerState",
    "Bucket",
    "Outcome",
    "Rota",
    "Ticket",
    "Window",
    "admit",
    "after_congestion",
    "after_success",
    "ask",
    "burst_bytes",
    "is_free",
    "portion_bytes",
    "reserve",
    "serve",
    "settle",
    "time_to_probe_s",
    "with_rate",
    "withdraw",
]
