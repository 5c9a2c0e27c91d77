"""What is done beside the reading thread: in order, all of it, and its errors are not lost."""

import threading

import pytest

from dockd.errors import CameraGone, SpoolFull
from dockd.station.spool.beside import Beside, Ring
from dockd.station.spool.buffers import Buffers
from dockd.station.spool.digests import Digests


def test_everything_is_done_in_order_before_the_context_is_left() -> None:
    """A copy is never called whole while a write of it is still to come."""
    done: list[int] = []
    with Beside(done.append, room=2, name="test") as beside:
        for number in range(200):
            beside.wait_for_room()
            beside.hand_over(number)
    assert done == list(range(200))


def test_what_was_handed_over_is_done_when_it_is_drained() -> None:
    """A sync that follows a drain finds every write in the kernel, those under way too."""
    done: list[int] = []
    gate = threading.Event()

    def work(item: int) -> None:
        if item == 1:
            gate.wait()
        done.append(item)

    with Beside(work, room=2, name="test") as beside:
        for number in range(2):
            beside.wait_for_room()
            beside.hand_over(number)
        assert done == [0]
        gate.set()
        beside.drain()
        assert done == [0, 1]


@pytest.mark.parametrize("failing", [0, 1, 2], ids=["by the caller", "the second", "the last"])
def test_an_error_beside_is_raised_where_it_matters(failing: int) -> None:
    """A full disk under a write ends the copy, and nothing behind the failure is written."""
    done: list[int] = []

    def work(item: int) -> None:
        if item == failing:
            raise SpoolFull("there is no room")
        done.append(item)

    def three(beside: Beside[int]) -> None:
        for number in range(3):
            beside.wait_for_room()
            beside.hand_over(number)
        beside.drain()

    with pytest.raises(SpoolFull), Beside(work, room=2, name="test") as beside:
        three(beside)
    assert done == list(range(failing))


def test_no_buffer_is_filled_again_before_it_is_done_with() -> None:
    """What is written is what was read, however slow the disk is."""
    seen: list[bytes] = []
    slow = threading.Semaphore(0)

    def work(buffer: memoryview) -> None:
        if len(seen) % 2:
            slow.acquire(timeout=0.01)
        seen.append(bytes(buffer[:1]))

    with Ring(Buffers(), count=2) as ring, Beside(work, room=2, name="test") as beside:
        for number in range(50):
            beside.wait_for_room()
            buffer = ring.next()
            buffer[0] = number
            beside.hand_over(buffer)
    assert seen == [bytes([number]) for number in range(50)]


def test_a_clip_of_one_buffer_costs_no_thread() -> None:
    """Ten thousand small files do not start ten thousand threads."""
    by: list[threading.Thread] = []

    def work(_: int) -> None:
        by.append(threading.current_thread())

    with Beside(work, room=2, name="test") as beside:
        beside.wait_for_room()
        beside.hand_over(0)
    assert by == [threading.current_thread()]


def test_an_error_in_the_last_piece_is_raised_when_the_context_is_left() -> None:
    """Digests that lack a piece are never taken for those of the whole."""

    class NoMemory:
        def update(self, content: memoryview) -> None:
            del content
            raise MemoryError

    def two(digests: Digests) -> None:
        for content in (b"a", b"b"):
            digests.wait_for_buffer()
            digests.update(memoryview(content))

    digests = Digests(size_bytes=2, part_size_bytes=1)
    digests._parts._part = NoMemory()  # type: ignore[assignment]  # a hash that fails, on demand
    with pytest.raises(MemoryError), digests:
        two(digests)


def test_an_error_beside_does_not_hide_the_one_that_ended_the_work() -> None:
    """A camera that was pulled is said to be gone, whatever its last write came to."""

    def work(item: int) -> None:
        if item:
            raise SpoolFull("there is no room")

    def two(beside: Beside[int]) -> None:
        for number in range(2):
            beside.wait_for_room()
            beside.hand_over(number)
        raise CameraGone("it left")

    with pytest.raises(CameraGone), Beside(work, room=2, name="test") as beside:
        two(beside)
