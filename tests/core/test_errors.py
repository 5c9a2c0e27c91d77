"""The error tree: every error can tell a person what happened, whose it is and what to do."""

import inspect

import pytest

from dockd import errors
from dockd.errors import (
    ConfigInvalid,
    ConfigProblem,
    DockdError,
    PermanentError,
    SpoolFull,
    StoreBusy,
    StoreConflict,
    TransientError,
)

LEAVES = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, DockdError) and error not in {DockdError, TransientError, PermanentError}
]


@pytest.mark.parametrize("error", LEAVES)
def test_every_error_names_its_slug_owner_and_next_step(error: type[DockdError]) -> None:
    """Every error class carries a slug of its own, an owner and a next step."""
    assert error.slug == error.slug.lower().replace("_", "-")
    assert error.slug != DockdError.slug
    assert error.owner in {"station", "network", "store", "evidence", "operations"}
    assert error.next_step.endswith(".")


@pytest.mark.parametrize("error", LEAVES)
def test_every_error_is_either_transient_or_permanent(error: type[DockdError]) -> None:
    """A stage can settle every error by one of two rules: try again, or hold."""
    assert issubclass(error, TransientError) != issubclass(error, PermanentError)


def test_no_two_errors_share_a_slug() -> None:
    """A slug in the journal leads to exactly one class."""
    assert len({error.slug for error in LEAVES}) == len(LEAVES)


def test_an_error_carries_its_reason_and_its_fields() -> None:
    """What the raiser knows reaches whoever reports it, next to the class's own words."""
    error = SpoolFull(reason="1 GiB is free and 20 GiB are kept", free_bytes=2**30)
    assert str(error) == "spool-full: 1 GiB is free and 20 GiB are kept"
    assert error.fields == {"free_bytes": 2**30}
    assert error.retry_after_s is None
    assert error.as_problem_details() == {
        "slug": "spool-full",
        "reason": "1 GiB is free and 20 GiB are kept",
        "owner": "operations",
        "next": SpoolFull.next_step,
    }


def test_a_raiser_that_knows_better_may_say_so() -> None:
    """Slug, owner and next step can be replaced for one error without touching its class."""
    error = StoreConflict("other bytes", slug="store-moved", owner="store", next_step="Look.")
    assert (error.slug, error.owner, error.next_step) == ("store-moved", "store", "Look.")
    assert StoreConflict.slug == "store-conflict"


def test_a_transient_error_remembers_how_long_to_wait() -> None:
    """A store's Retry-After reaches the backoff."""
    assert StoreBusy("503 Slow Down", retry_after_s=7.5).retry_after_s == 7.5


def test_an_invalid_configuration_reports_every_problem_at_once() -> None:
    """All problems stand in one error, each with its key path and what would be right."""
    first = ConfigProblem(key_path="spool.reserve", reason="is -1", would_be_right="use 0 or more")
    second = ConfigProblem(key_path="uplnk", reason="is unknown", would_be_right="use uplink")
    error = ConfigInvalid([first, second])
    assert error.problems == (first, second)
    assert error.reason == "spool.reserve: is -1; use 0 or more\nuplnk: is unknown; use uplink"


def test_a_configuration_without_problems_is_not_invalid() -> None:
    """Raising ConfigInvalid with nothing to say is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one problem"):
        ConfigInvalid([])
