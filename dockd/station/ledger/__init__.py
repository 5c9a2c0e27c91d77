"""The station's ledger on SQLite: facts in, state and a chained record out, in one transaction."""

from dockd.station.ledger.ledger import SqliteLedger
from dockd.station.ledger.opening import fault_points, open_ledger
from dockd.station.ledger.rebuilding import Report, rebuild
from dockd.station.ledger.verifying import verify_chain

__all__ = ["Report", "SqliteLedger", "fault_points", "open_ledger", "rebuild", "verify_chain"]
