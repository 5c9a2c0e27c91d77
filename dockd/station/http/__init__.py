"""The station over HTTP: reading on TCP and on the Unix socket, orders on the socket only."""

from dockd.station.http import lean  # noqa: F401  before all else of it
from dockd.station.http.app import build_app
from dockd.station.http.server import HttpServer, TcpSettings

__all__ = ["HttpServer", "TcpSettings", "build_app"]
