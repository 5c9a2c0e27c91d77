"""The breaker: a store that is down meets one careful probe, never the whole crowd."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dockd.core.backoff import Backoff
from dockd.core.flow import (
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

POLICY = BreakerPolicy(failures_to_open=3, backoff=Backoff(base_s=1, cap_s=8))


def settled(
    breaker: Breaker, ticket: Ticket | None, outcome: Outcome, *, now_s: float = 0.0
) -> Breaker:
    """Hand in a ticket with the dice at their highest."""
    assert ticket is not None
    return settle(
        breaker, ticket=ticket, outcome=outcome, policy=POLICY, now_s=now_s, random_unit=1.0
    )


def failed_times(breaker: Breaker, times: int) -> Breaker:
    """Admit and fail `times` requests in a row."""
    for _ in range(times):
        breaker, ticket = admit(breaker, now_s=0.0)
        breaker = settled(breaker, ticket, Outcome.FAILED)
    return breaker


def test_only_a_row_of_failures_opens_the_breaker() -> None:
    """A success in between starts the count over; the third failure in a row opens."""
    breaker = failed_times(Breaker(), 2)
    breaker, ticket = admit(breaker, now_s=0.0)
    breaker = settled(breaker, ticket, Outcome.SUCCEEDED)
    assert failed_times(breaker, 2).state is BreakerState.CLOSED
    assert failed_times(breaker, 3).state is BreakerState.OPEN


def test_an_open_breaker_lets_one_probe_through_when_its_time_has_run() -> None:
    """Nothing passes while open, then exactly one request until that one is settled."""
    breaker = failed_times(Breaker(), 3)
    assert time_to_probe_s(breaker, now_s=0.25) == 0.75
    assert admit(breaker, now_s=0.99) == (breaker, None)
    probing, probe = admit(breaker, now_s=1.0)
    assert probe is not None
    assert time_to_probe_s(probing, now_s=1.0) is None
    assert admit(probing, now_s=1000.0) == (probing, None)
    closed = settled(probing, probe, Outcome.SUCCEEDED)
    assert closed.state is BreakerState.CLOSED
    assert time_to_probe_s(closed, now_s=1.0) == 0


def test_each_failed_probe_doubles_the_pause() -> None:
    """Open times go 1, 2, 4, 8 and stay at the cap; one success starts them over."""
    breaker, now_s, pauses = failed_times(Breaker(), 3), 0.0, []
    for _ in range(5):
        pauses.append(breaker.open_until_s - now_s)
        now_s = breaker.open_until_s
        breaker, probe = admit(breaker, now_s=now_s)
        breaker = settled(breaker, probe, Outcome.FAILED, now_s=now_s)
    assert pauses == [1, 2, 4, 8, 8]
    breaker, probe = admit(breaker, now_s=now_s + 8)
    reopened = failed_times(settled(breaker, probe, Outcome.SUCCEEDED), 3)
    assert reopened.open_until_s == 1


def test_an_abandoned_probe_frees_the_way_for_the_next() -> None:
    """A probe that was cancelled here neither closes the breaker nor blocks it for ever."""
    probing, probe = admit(failed_times(Breaker(), 3), now_s=5.0)
    reopened = settled(probing, probe, Outcome.ABANDONED, now_s=5.0)
    assert reopened.state is BreakerState.OPEN
    assert admit(reopened, now_s=5.0)[1] is not None


def test_an_abandoned_request_says_nothing_about_the_store() -> None:
    """Cancelling a request while closed leaves the count of failures alone."""
    breaker = failed_times(Breaker(), 2)
    breaker, ticket = admit(breaker, now_s=0.0)
    assert settled(breaker, ticket, Outcome.ABANDONED) == breaker


@pytest.mark.parametrize("outcome", Outcome)
def test_a_late_answer_changes_nothing(outcome: Outcome) -> None:
    """What was sent before the breaker opened cannot close, open or extend it."""
    _, late = admit(Breaker(), now_s=0.0)
    opened = failed_times(Breaker(), 3)
    assert settled(opened, late, outcome) == opened
    probing, _ = admit(opened, now_s=1.0)
    assert settled(probing, late, outcome) == probing


def test_the_store_may_ask_for_a_longer_pause() -> None:
    """Retry-After is the least time that the breaker stays open."""
    breaker, ticket = admit(failed_times(Breaker(), 2), now_s=0.0)
    assert ticket is not None
    opened = settle(
        breaker,
        ticket=ticket,
        outcome=Outcome.FAILED,
        policy=POLICY,
        now_s=0.0,
        random_unit=0.0,
        retry_after_s=120,
    )
    assert opened.open_until_s == 120


def test_a_breaker_that_opens_without_a_failure_is_refused() -> None:
    """A policy needs at least one failure to open."""
    with pytest.raises(ValueError, match="failures_to_open"):
        BreakerPolicy(failures_to_open=0)


def test_every_state_can_be_left_and_reached() -> None:
    """The table has no dead end, and each of its events and states is used."""
    assert {state for state, _ in TRANSITIONS} == set(BreakerState)
    assert set(TRANSITIONS.values()) == set(BreakerState)
    assert {event for _, event in TRANSITIONS} == set(BreakerEvent)


class BreakerLife(RuleBasedStateMachine):
    """Requests come, go, fail and are cancelled in any order while time passes."""

    def __init__(self) -> None:
        """Begin closed, at time 0."""
        super().__init__()
        self.breaker = Breaker()
        self.now_s = 0.0
        self.tickets: list[Ticket] = []

    @rule(seconds=st.floats(min_value=0, max_value=20))
    def time_passes(self, seconds: float) -> None:
        """Let the monotonic clock run."""
        self.now_s += seconds

    @rule()
    def ask(self) -> None:
        """Ask for a ticket; while one is refused there must be a reason to wait."""
        before = self.breaker
        self.breaker, ticket = admit(self.breaker, now_s=self.now_s)
        if ticket is None:
            assert time_to_probe_s(before, now_s=self.now_s) != 0
        else:
            assert time_to_probe_s(before, now_s=self.now_s) == 0
            self.tickets.append(ticket)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome), random_unit=st.floats(0, 1))
    def settle_one(self, data: st.DataObject, outcome: Outcome, random_unit: float) -> None:
        """Settle any of the tickets that are out."""
        ticket = self.tickets.pop(data.draw(st.integers(0, len(self.tickets) - 1)))
        current = ticket.era == self.breaker.era
        before = self.breaker
        self.breaker = settle(
            self.breaker,
            ticket=ticket,
            outcome=outcome,
            policy=POLICY,
            now_s=self.now_s,
            random_unit=random_unit,
        )
        assert current or self.breaker == before

    @invariant()
    def one_probe_at_a_time(self) -> None:
        """While half-open exactly one current ticket is out, and it is never lost."""
        current = [ticket for ticket in self.tickets if ticket.era == self.breaker.era]
        if self.breaker.state is BreakerState.HALF_OPEN:
            assert len(current) == 1
        if self.breaker.state is BreakerState.OPEN:
            assert not current

    @invariant()
    def the_pause_is_bounded(self) -> None:
        """However long the outage, the next probe is at most the cap away."""
        assert (time_to_probe_s(self.breaker, now_s=self.now_s) or 0) <= POLICY.backoff.cap_s

    @invariant()
    def a_closed_breaker_is_below_its_limit(self) -> None:
        """Closed means fewer failures in a row than it takes to open."""
        assert self.breaker.failures_in_row < POLICY.failures_to_open


TestBreakerLife = BreakerLife.TestCase
