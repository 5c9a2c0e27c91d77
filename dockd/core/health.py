"""Problems, and the health that follows from them.

A problem is a condition with a slug, a severity, a since, a reason, an owner and a next step.
Every surface shows the same one in the same words: this module is where the words come from
(`dockd.core.catalogue`) and where health is derived. Health is the worst of the open problems
and the checks; nobody sets it.

`warn` means that work is late or needs a person while nothing is at risk; `fail` that footage
is at risk or the station cannot take any in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final, Literal

from dockd.core.catalogue import CATALOGUE, ProblemKind, Severity
from dockd.core.facts import JsonValue
from dockd.errors import DockdError, Owner

__all__ = [
    "CATALOGUE",
    "MEDIA_TYPE",
    "Check",
    "Health",
    "Problem",
    "ProblemKind",
    "Severity",
    "document",
    "fields_of",
    "health_of",
    "http_status",
    "named_in",
    "problem",
    "problem_from",
]

Health = Literal["pass", "warn", "fail"]

MEDIA_TYPE: Final = "application/health+json"
NAMED: Final = frozenset({"slot", "camera", "docking", "clip", "store"})
_WORSENING: Final[tuple[Health, ...]] = ("pass", "warn", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An open condition, as the journal, the CLI, health, MQTT and the status page show it.

    Attributes:
        slug: Its kind's stable name.
        severity: `warn` or `fail`.
        since: When it began, RFC 3339 UTC.
        subject: What has it: `store central`, `slot A1`, `clip 0123456789abcdef`.
        reason: What is the matter, one sentence.
        owner: Who acts next.
        next_step: What the owner does, one sentence.
    """

    slug: str
    severity: Severity
    since: str
    subject: str
    reason: str
    owner: Owner
    next_step: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same problem when it is reported again: slug and subject."""
        return self.slug, self.subject

    def as_json(self) -> dict[str, JsonValue]:
        """Return it in the shape of `/v1/status` and `/v1/problems` (DESIGN section 6)."""
        return {
            "slug": self.slug,
            "severity": self.severity,
            "since": self.since,
            "subject": self.subject,
            "reason": self.reason,
            "owner": self.owner,
            "next": self.next_step,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The answer of one part of the station to "are you well?".

    Attributes:
        name: The part: `loop`, `ledger`, `spool`, `detection`, `stores`, `clock`.
        status: Its own health.
        time: When it was asked, RFC 3339 UTC.
        output: Why it is not well; empty when it is.
        observed_value: A number that says how it is (an age, free bytes), if there is one.
        observed_unit: The unit of `observed_value`.
    """

    name: str
    status: Health
    time: str
    output: str = ""
    observed_value: int | None = None
    observed_unit: str = ""


def problem(
    slug: str, *, subject: str, since: str, reason: str | None = None, **fields: object
) -> Problem:
    """Return the problem `slug` of `subject`, in the catalogue's words.

    Args:
        slug: A slug of `CATALOGUE`.
        subject: What has the problem.
        since: When it began, RFC 3339 UTC.
        reason: The reason in the words of whoever knows it better than the catalogue.
        **fields: The values that the catalogue's reason names; not with `reason`.

    Raises:
        ValueError: The slug is unknown, or `fields` are not exactly those of the reason.
    """
    kind = CATALOGUE.get(slug)
    if kind is None:
        message = f"no problem is called {slug!r}; dockd.core.catalogue lists them"
        raise ValueError(message)
    return Problem(
        slug=slug,
        severity=kind.severity,
        since=since,
        subject=subject,
        reason=_filled(kind, fields=fields, reason=reason),
        owner=kind.owner,
        next_step=kind.next_step,
    )


def fields_of(kind: ProblemKind) -> frozenset[str]:
    """Return the names of the values that the reason of `kind` needs."""
    return frozenset(name for _, name, _, _ in Formatter().parse(kind.reason) if name is not None)


def problem_from(error: DockdError, *, subject: str, since: str) -> Problem:
    """Return the problem that `error` is, in the error's own words.

    A slug that the catalogue does not know is shown all the same, as a failure: an error
    must not be lost because its name is new.
    """
    kind = CATALOGUE.get(error.slug)
    return Problem(
        slug=error.slug,
        severity="fail" if kind is None else kind.severity,
        since=since,
        subject=subject,
        reason=error.reason,
        owner=error.owner,
        next_step=error.next_step,
    )


def named_in(subject: str) -> dict[str, str]:
    """Return whom a subject names, by the journal's name for its kind; nothing for `spool`.

    A file of a camera, which is called `camera BWC-1 file DCIM/1.mp4`, is the camera's affair, and
    `store central checkpoint` the store's.
    """
    kind, _, name = subject.partition(" ")
    if kind == "camera":
        name = name.partition(" file ")[0]
    elif kind == "store":
        name = name.partition(" ")[0]
    return {kind: name} if name and kind in NAMED else {}


def health_of(*, problems: Iterable[Problem] = (), checks: Iterable[Check] = ()) -> Health:
    """Return the worst of all open problems and checks; `pass` when there are none."""
    found: set[Health] = {"pass"}
    found.update(problem.severity for problem in problems)
    found.update(check.status for check in checks)
    return max(found, key=_WORSENING.index)


def http_status(health: Health) -> int:
    """Return the HTTP status of a health answer: 503 for `fail`, else 200."""
    return 503 if health == "fail" else 200


def document(
    *,
    release: str,
    station: str,
    checks: Iterable[Check],
    problems: Iterable[Problem] = (),
) -> dict[str, JsonValue]:
    """Return the `application/health+json` document (draft-inadarei-api-health-check-06).

    The open problems stand in it under `problems`, in the order of severity, then age.

    Args:
        release: dockd's version.
        station: The station's name.
        checks: The answers of its parts.
        problems: The open problems that bear on the question asked.
    """
    asked = tuple(checks)
    still_open = sorted(problems, key=_worst_then_oldest)
    by_name: dict[str, list[JsonValue]] = {}
    for check in asked:
        by_name.setdefault(check.name, []).append(_check_as_json(check))
    return {
        "status": health_of(problems=still_open, checks=asked),
        "version": "1",
        "releaseId": release,
        "serviceId": station,
        "description": "dockd, the docking-station daemon",
        "checks": {**by_name},
        "problems": [found.as_json() for found in still_open],
    }


def _check_as_json(check: Check) -> dict[str, JsonValue]:
    answer: dict[str, JsonValue] = {
        "componentType": "component",
        "status": check.status,
        "time": check.time,
    }
    if check.output:
        answer["output"] = check.output
    if check.observed_value is not None:
        answer["observedValue"] = check.observed_value
        answer["observedUnit"] = check.observed_unit
    return answer


def _worst_then_oldest(found: Problem) -> tuple[int, str, str, str]:
    return -_WORSENING.index(found.severity), found.since, found.slug, found.subject


def _filled(kind: ProblemKind, *, fields: Mapping[str, object], reason: str | None) -> str:
    needed = fields_of(kind) if reason is None else frozenset[str]()
    if fields.keys() != needed:
        message = f"problem {kind.slug} needs the fields {sorted(needed)}, got {sorted(fields)}"
        raise ValueError(message)
    return kind.reason.format_map(fields) if reason is None else reason
