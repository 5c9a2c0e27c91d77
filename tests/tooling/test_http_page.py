"""docs/http.md names what the station answers, and the limits that it keeps."""

import re
from typing import cast

from dockd.ports.station import StationActions, StationNews, StationView
from dockd.station.http import build_app
from dockd.station.http.description import MEANINGS
from dockd.station.http.limits import Limits
from dockd.station.http.stream import AT_ONCE
from tests.fakes.servers import ROOT

PAGE = (ROOT / "docs/http.md").read_text()


def paths() -> set[str]:
    """Return the paths of the station's own description."""
    nobody = object()
    app = build_app(
        cast("StationView", nobody),
        news=cast("StationNews", nobody),
        actions=cast("StationActions", nobody),
        version="1",
    )
    return set(app.openapi()["paths"])


def test_every_path_is_named_and_no_other() -> None:
    """Nobody looks for a path that is not there, nor overlooks one that is."""
    named = re.findall(r"^\| `(/[^`]*)` \|", PAGE, flags=re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == {path.replace(":path}", "}") for path in paths()}


def test_every_status_of_a_refusal_is_explained() -> None:
    """What the description lets a path answer with is in the page's table of refusals."""
    _, _, table = PAGE.partition("## Refusals")
    assert {int(status) for status in re.findall(r"^\| (\d{3}) \|", table, re.MULTILINE)} == set(
        MEANINGS
    )


def test_the_limits_are_those_that_are_kept() -> None:
    """The page has the numbers of the code."""
    limits = Limits()
    for words in (
        f"| connections | {limits.connections}, of which {AT_ONCE} follow",
        f"headers | {limits.header_bytes // 1024} KiB, within {limits.request_within_s:.0f} s |",
        f"| body | {limits.body_bytes // 1024} KiB, within {limits.body_within_s:.0f} s |",
        f"| taking what was sent | {limits.read_within_s:.0f} s |",
    ):
        assert words in PAGE
