"""The reference pages in docs/: as the code is now, and with the words that all surfaces share."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dockd.core.catalogue import CATALOGUE
from dockd.core.facts import FACTS
from dockd.station import metrics
from dockd.station.journal import message_id
from tests.fakes.servers import ROOT
from tests.tooling.promql import everything

DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", ["problems", "journal"])
def test_a_page_is_what_the_tables_say(name: str) -> None:
    """It is generated; python packaging/generate/NAME_page.py > docs/NAME.md."""
    script = ROOT / f"packaging/generate/{name}_page.py"
    made = subprocess.run([sys.executable, script], check=True, capture_output=True)
    assert (DOCS / f"{name}.md").read_bytes() == made.stdout


def sections(name: str) -> dict[str, str]:
    """Return a page's sections by their headings."""
    _, *found = re.split(r"^## (.+)\n", (DOCS / name).read_text(), flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


def test_every_problem_has_a_section_with_all_that_its_owner_needs() -> None:
    """Nobody looks up a slug in vain: severity, owner, next step and MESSAGE_ID are there."""
    page = sections("problems.md")
    assert page.keys() - {"Refusals"} == CATALOGUE.keys()
    for slug, kind in CATALOGUE.items():
        for words in (kind.sentence, kind.severity, kind.owner, kind.next_step, message_id(slug)):
            assert words in page[slug]


def test_every_fact_has_a_section() -> None:
    """Whatever the record can hold is found in the journal's reference, with its MESSAGE_ID."""
    page = sections("journal.md")
    assert FACTS.keys() <= page.keys()
    assert [kind for kind in FACTS if message_id(kind) not in page[kind]] == []


def test_the_metrics_have_the_labels_of_the_page() -> None:
    """Each problem, open, is the very series that its section names."""
    measured = replace(
        everything(), problems={(slug, kind.severity): 1 for slug, kind in CATALOGUE.items()}
    )
    text = metrics.exposition(measured).decode()
    labels = {
        sample.labels["slug"]: sample.labels["severity"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dockd_problems"
    }
    named = re.findall(
        r'`dockd_problems\{slug="(.+)", severity="(.+)"\}`', (DOCS / "problems.md").read_text()
    )
    assert labels == dict(named)
