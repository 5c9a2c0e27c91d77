"""Problems and health: the same words everywhere, and a health that nobody sets."""

import inspect
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd import errors
from dockd.core.health import (
    CATALOGUE,
    MEDIA_TYPE,
    Check,
    Health,
    Problem,
    document,
    fields_of,
    health_of,
    http_status,
    named_in,
    problem,
    problem_from,
)
from dockd.errors import DockdError, SpoolFull, StoreUnreachable

SINCE = "2026-11-23T01:50:00Z"
DESIGNED = [
    "config-invalid",
    "store-not-configured",
    "store-unreachable",
    "store-refused-credentials",
    "store-bucket-missing",
    "store-conflict",
    "store-checksum-mismatch",
    "store-unproven",
    "store-lost-object",
    "clip-changed-while-read",
    "clip-unreadable",
    "clip-gone",
    "no-known-copy",
    "name-unsupported",
    "camera-duplicate-serial",
    "camera-not-allowed",
    "spool-full",
    "spool-read-only",
    "spool-changed",
    "ledger-restored",
    "digest-mismatch",
    "slot-silent",
    "clock-unsynchronised",
    "port-not-switchable",
]
ANSWERS = {
    errors.NotFound,
    errors.Refused,
    errors.RequestInvalid,
    errors.DaemonUnreachable,
    errors.ExportFailed,
    *errors.ExportFailed.__subclasses__(),
}
"""Errors that answer a command; they end with it and are never an open condition."""
SETTLED = {errors.CameraGone, errors.UploadVanished}
"""Errors that end a stay, or have an upload begun again: the record tells of it, no more."""
RAISED = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, DockdError)
    and error not in ANSWERS | SETTLED | {errors.TransientError, errors.PermanentError}
]
HEALTHS: st.SearchStrategy[Health] = st.sampled_from(["pass", "warn", "fail"])
SLUGS = st.sampled_from(sorted(CATALOGUE))


def example(slug: str, *, since: str = SINCE) -> Problem:
    """Make a problem of any kind."""
    return problem(slug, subject="store central", since=since, reason="It is so.")


def check(status: Health, *, name: str = "ledger") -> Check:
    """Make a check of any status."""
    return Check(name=name, status=status, time=SINCE)


@pytest.mark.parametrize("slug", DESIGNED)
def test_every_designed_slug_is_in_the_catalogue(slug: str) -> None:
    """Each slug that DESIGN names has its words."""
    assert slug in CATALOGUE


@pytest.mark.parametrize("slug", sorted(CATALOGUE))
def test_every_kind_can_be_reported_from_its_fields(slug: str) -> None:
    """The reason names fields only, none of which hides an argument of `problem`."""
    kind = CATALOGUE[slug]
    names = fields_of(kind)
    assert kind.slug == slug
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
    assert names.isdisjoint({"", "slug", "subject", "since", "reason"})
    found = problem(slug, subject="it", since=SINCE, **dict.fromkeys(names, "X"))
    assert "{" not in found.reason
    assert found.reason.count("X") >= len(names)
    for words in (kind.sentence, found.next_step):
        assert words[0].isupper()
        assert words.endswith(".")


@pytest.mark.parametrize("error", RAISED)
def test_an_error_and_its_problem_use_the_same_words(error: type[DockdError]) -> None:
    """Every condition that is raised has a kind with the same owner and next step."""
    kind = CATALOGUE[error.slug]
    assert (kind.owner, kind.next_step) == (error.owner, error.next_step)


def test_a_problem_is_told_in_the_catalogues_words() -> None:
    """The reason is filled from the fields; severity, owner and next step come with the slug."""
    found = problem(
        "spool-full", subject="spool", since=SINCE, free_bytes=5, reserve_bytes=20 * 2**30
    )
    assert found.as_json() == {
        "slug": "spool-full",
        "severity": "fail",
        "since": SINCE,
        "subject": "spool",
        "reason": "5 bytes are free and 21474836480 are kept in reserve.",
        "owner": "operations",
        "next": SpoolFull.next_step,
    }
    assert found.key == ("spool-full", "spool")


def test_whoever_knows_better_gives_a_reason() -> None:
    """A reason given as a whole replaces the catalogue's and needs no fields."""
    found = problem("spool-full", subject="spool", since=SINCE, reason="The quota is used up.")
    assert found.reason == "The quota is used up."


def test_a_hostile_value_is_only_a_value() -> None:
    """Braces in a camera's file name are shown, never read as a template."""
    found = problem("name-unsupported", subject="x", since=SINCE, path="{0.x}", detail="{detail}")
    assert found.reason == "{0.x}: {detail}."


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"free_bytes": 1}, r"needs the fields \['free_bytes', 'reserve_bytes'\]"),
        ({"free_bytes": 1, "reserve_bytes": 2, "free": 3}, "got .*'free'"),
    ],
)
def test_fields_that_do_not_fit_are_named(fields: dict[str, object], shown: str) -> None:
    """A missing or misspelt field is an error that says what is needed and what came."""
    with pytest.raises(ValueError, match=shown):
        problem("spool-full", subject="spool", since=SINCE, reason=None, **fields)


def test_a_reason_given_as_a_whole_takes_no_fields() -> None:
    """Fields that nobody would see are refused."""
    with pytest.raises(ValueError, match=r"needs the fields \[\]"):
        problem("spool-full", subject="spool", since=SINCE, reason="So.", free_bytes=1)


def test_an_unknown_slug_is_refused() -> None:
    """A problem without words in the catalogue cannot be reported by accident."""
    with pytest.raises(ValueError, match="'spool-ful'"):
        problem("spool-ful", subject="spool", since=SINCE)


def test_an_error_becomes_the_problem_it_is() -> None:
    """The raiser's reason and next step reach the surfaces unchanged."""
    error = StoreUnreachable("connection refused", next_step="Start the store.")
    found = problem_from(error, subject="store central", since=SINCE)
    assert found.severity == "warn"
    assert (found.slug, found.reason) == ("store-unreachable", "connection refused")
    assert (found.owner, found.next_step) == ("network", "Start the store.")


def test_an_error_of_a_new_name_is_shown_as_a_failure() -> None:
    """A slug that the catalogue does not know yet is not lost and not belittled."""
    found = problem_from(DockdError("odd", slug="brand-new"), subject="it", since=SINCE)
    assert (found.slug, found.severity) == ("brand-new", "fail")


@given(slugs=st.lists(SLUGS), statuses=st.lists(HEALTHS))
def test_health_is_the_worst_that_is_open(slugs: list[str], statuses: list[Health]) -> None:
    """One failing part makes the whole fail, a warning without one warns, and nothing else."""
    found = health_of(problems=map(example, slugs), checks=map(check, statuses))
    severities = [CATALOGUE[slug].severity for slug in slugs] + statuses
    expected = "fail" if "fail" in severities else "warn" if "warn" in severities else "pass"
    assert found == expected
    assert http_status(found) == (503 if expected == "fail" else 200)


@given(slugs=st.lists(SLUGS), statuses=st.lists(HEALTHS))
def test_the_document_is_plain_json_with_a_derived_status(
    slugs: list[str], statuses: list[Health]
) -> None:
    """Whatever is open, the document survives a round trip and its status is the health."""
    problems, checks = [example(slug) for slug in slugs], [check(status) for status in statuses]
    made = document(release="0.1.0", station="lambeth-03", checks=checks, problems=problems)
    assert json.loads(json.dumps(made)) == made
    assert made["status"] == health_of(problems=problems, checks=checks)


def test_the_document_has_the_drafts_shape() -> None:
    """Checks are lists by name with status, time, output and observed value."""
    slow = Check(
        name="ledger",
        status="warn",
        time=SINCE,
        output="slow",
        observed_value=3,
        observed_unit="s",
    )
    made = document(
        release="0.1.0", station="lambeth-03", checks=[check("pass", name="loop"), slow]
    )
    assert MEDIA_TYPE == "application/health+json"
    assert made == {
        "status": "warn",
        "version": "1",
        "releaseId": "0.1.0",
        "serviceId": "lambeth-03",
        "description": "dockd, the docking-station daemon",
        "checks": {
            "loop": [{"componentType": "component", "status": "pass", "time": SINCE}],
            "ledger": [
                {
                    "componentType": "component",
                    "status": "warn",
                    "time": SINCE,
                    "output": "slow",
                    "observedValue": 3,
                    "observedUnit": "s",
                }
            ],
        },
        "problems": [],
    }


def test_the_worst_and_oldest_problem_stands_first() -> None:
    """A reader of the document meets what matters most first."""
    problems = [
        example("slot-fault", since="2026-11-23T01:00:00Z"),
        example("spool-full", since="2026-11-23T02:00:00Z"),
        example("no-known-copy", since="2026-11-23T01:00:00Z"),
    ]
    made = document(release="", station="", checks=[], problems=problems)
    assert made["problems"] == [problems[2].as_json(), problems[1].as_json(), problems[0].as_json()]


@pytest.mark.parametrize(
    ("subject", "fields"),
    [
        ("slot A1", {"slot": "A1"}),
        ("camera BWC-1", {"camera": "BWC-1"}),
        ("camera BWC-1 file DCIM/a b.mp4", {"camera": "BWC-1"}),
        ("clip 0123456789abcdef", {"clip": "0123456789abcdef"}),
        ("store central", {"store": "central"}),
        ("store central checkpoint", {"store": "central"}),
        ("cameras mass-storage", {}),
        ("spool", {}),
    ],
)
def test_a_subject_is_found_under_its_name(subject: str, fields: dict[str, str]) -> None:
    """Whoever asks the journal for a slot, a camera or a clip finds its problems as well."""
    assert named_in(subject) == fields
