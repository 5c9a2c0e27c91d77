"""Whose part flies next: clips in turns, however many parts each of them has."""

from hypothesis import given
from hypothesis import strategies as st

from dockd.core.flow import Rota, ask, serve, withdraw

CLIPS = 5
COMING = st.lists(st.one_of(st.integers(1, CLIPS), st.none()), max_size=80)


class Line:
    """Parts that wait, as a room keeps them."""

    def __init__(self) -> None:
        self.rota = Rota()
        self.waiting: list[tuple[int, int, int]] = []
        self.asked = 0

    def ask(self, clip: int) -> None:
        self.rota, turn = ask(self.rota, clip=clip)
        self.waiting.append((turn, self.asked, clip))
        self.asked += 1

    def withdraw(self, clip: int) -> None:
        for part in [part for part in self.waiting if part[-1] == clip]:
            self.waiting.remove(part)
            self.rota = withdraw(self.rota, clip=clip, turn=part[0])

    def serve(self) -> int:
        first = min(self.waiting)
        self.waiting.remove(first)
        self.rota = serve(self.rota, turn=first[0])
        return first[-1]


def test_a_small_clip_is_not_behind_all_of_a_large_one() -> None:
    """Two parts that ask behind ten of another clip have every other turn."""
    line = Line()
    for clip in [1] * 10 + [2] * 2:
        line.ask(clip)
    assert [line.serve() for _ in range(5)] == [1, 2, 1, 2, 1]


def test_ever_new_clips_of_one_part_do_not_starve_one_that_asks_part_by_part() -> None:
    """A clip that asks for its next part when one was served has a turn in every round."""
    line = Line()
    line.ask(0)
    served = []
    for new in range(1, 50):
        line.ask(new)
        served.append(line.serve())
        if served[-1] == 0:
            line.ask(0)
    assert served.count(0) >= 6


@given(coming=COMING, clip=st.integers(1, CLIPS), parts=st.integers(1, 20))
def test_parts_that_were_given_up_leave_no_debt(
    coming: list[int | None], clip: int, parts: int
) -> None:
    """A clip of which all that waits is given up comes like one that had never asked."""
    line = Line()
    for one in coming:
        if one is not None:
            line.ask(one)
        elif line.waiting:
            line.serve()
    line.withdraw(clip)
    before = line.rota
    for _ in range(parts):
        line.ask(clip)
    line.withdraw(clip)
    assert line.rota == before
    assert ask(line.rota, clip=clip)[1] == line.rota.now + 1


@given(asking=st.lists(st.integers(1, CLIPS), max_size=40))
def test_clips_that_wait_together_have_equally_many_turns(asking: list[int]) -> None:
    """While two clips wait, neither has had more than one turn more than the other."""
    line = Line()
    for clip in asking:
        line.ask(clip)
    order = [line.serve() for _ in asking]
    for served in range(len(order)):
        had = [order[:served].count(clip) for clip in set(order[served:])]
        assert max(had) - min(had) <= 1


@given(coming=COMING)
def test_whoever_comes_and_goes_keeps_nobody_waiting_for_ever(coming: list[int | None]) -> None:
    """The next part of a clip goes at the latest when each other clip has had two turns."""
    line = Line()
    waited: dict[int, int] = {}
    for clip in coming:
        if clip is not None:
            line.ask(clip)
            waited.setdefault(clip, 0)
        elif line.waiting:
            served = line.serve()
            assert waited[served] <= 2 * (CLIPS - 1)
            left = {clip for _, _, clip in line.waiting}
            waited = {clip: 0 if clip == served else waited[clip] + 1 for clip in left}


@given(coming=COMING)
def test_the_rota_forgets_who_is_gone(coming: list[int | None]) -> None:
    """What is remembered are the clips that wait."""
    line = Line()
    for clip in coming:
        if clip is not None:
            line.ask(clip)
        elif line.waiting:
            line.serve()
            waiting = {clip for _, _, clip in line.waiting}
            assert line.rota.latest.keys() <= waiting
