"""Prints docs/problems.md: the runbook, a section for every problem, from the table of problems.

`python packaging/generate/problems_page.py > docs/problems.md`; a test fails when it is stale.
"""

import sys
from collections.abc import Iterator
from typing import Final

from dockd.core.catalogue import CATALOGUE, ProblemKind
from dockd.station.journal import message_id
from journal_catalogue import PROBLEM_DOES, Entry, entries, errors

_HEAD: Final = """\
# The runbook: every problem by its slug

Generated from the code's tables: `python packaging/generate/problems_page.py > docs/problems.md`.

A problem is a condition that somebody has to know of. It has a slug, which is the same in `dockd
status`, `/v1/problems`, the journal, MQTT and the metrics. It begins once and ends by itself when
its cause does; the journal then says how long it lasted.

- **Severity** `warn`: something is late, or a person is needed. `fail`: footage is at risk, or
  none is taken; `/readyz` answers 503 where the problem bears on its question.
- **Owner**: whoever acts next. `station` stands at the rack, `network` runs the link, `store`
  runs the central store, `evidence` answers for footage, `operations` runs dockd across sites.
- **What dockd does**, where nothing else is said: it keeps the problem on its list until it ends,
  and goes on with everything that does not need what is missing.
- **Reason**: what is the matter this time. The words in braces are filled in, or whoever found
  the problem says it in words of its own.
- **Prometheus**: the series that counts how many are open. Its `slug` and `severity` are the
  values below.
- **MESSAGE_ID**: `journalctl --dump-catalog ID` prints what this page says. The line that begins
  a problem is of the event `problem-opened` (see [journal.md](journal.md)); `journalctl
  DOCKD_SLUG=SLUG` finds all about one.
"""
_REFUSALS: Final = """\
## Refusals

These are no problems of the station's own: they answer one order or request, as
`application/problem+json` or on the terminal. Should dockd meet one on its own, it is shown as a
problem of severity `fail` under this slug.

| Slug | What it means | Owner | Next step | MESSAGE_ID |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    explained = entries()
    index = ["| Slug | Severity | Owner | What it means |", "|---|---|---|---|"]
    kinds = [kind for _, kind in sorted(CATALOGUE.items())]
    index += [
        f"| [`{kind.slug}`](#{kind.slug}) | {kind.severity} | {kind.owner} | {kind.sentence} |"
        for kind in kinds
    ]
    sections = [section(kind, explained[kind.slug]) for kind in kinds]
    return "\n".join([_HEAD, *index, "", *sections, _REFUSALS + "\n".join(refusals()), ""])


def section(kind: ProblemKind, explained: Entry) -> str:
    """Return what there is to say of one kind of problem."""
    series = f'dockd_problems{{slug="{kind.slug}", severity="{kind.severity}"}}'
    # What it does about any of them stands at the page's head.
    does = "" if explained.does == PROBLEM_DOES else f"- What dockd does: {explained.does}\n"
    return (
        f"## {kind.slug}\n\n"
        f"{kind.sentence}\n\n"
        f"- Severity: {kind.severity}\n"
        f"- Owner: {kind.owner}\n"
        f"- Reason: {kind.reason}\n"
        f"- Next step: {kind.next_step}\n"
        f"{does}"
        f"- Prometheus: `{series}`\n"
        f"- MESSAGE_ID: `{message_id(kind.slug)}`\n"
    )


def refusals() -> Iterator[str]:
    """Yield a row for every error that is no problem of the table, by slug."""
    found = {error.slug: error for error in errors() if error.slug not in CATALOGUE}
    for slug, error in sorted(found.items()):
        sentence = (error.__doc__ or "").splitlines()[0]
        words = " | ".join((sentence, error.owner, error.next_step.replace("|", "\\|")))
        yield f"| `{slug}` | {words} | `{message_id(slug)}` |"


if __name__ == "__main__":
    sys.stdout.write(page())
