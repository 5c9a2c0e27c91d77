"""A station's uplink: everybody who sends shares it evenly, as TCP does on one bottleneck.

The bodies under way are kept by how much each has been served: all at the same rate, so that the
next to finish is known without looking at the others (processor sharing in virtual service).
"""

import heapq
import math
from itertools import count
from typing import Final

from tests.fleet.kernel import Kernel, Pause


class Flow(Pause):
    """One body on its way; ends when all of it is through, or with the error that broke it."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        super().__init__()
        self.over = False


class Link:
    """One uplink.

    Attributes:
        rate_bytes_s: What it carries.
        flows: How many bodies are on their way.
    """

    def __init__(self, kernel: Kernel, *, rate_bytes_s: float) -> None:
        self.rate_bytes_s: Final = rate_bytes_s
        self.flows = 0
        self.share_bytes_s = math.inf
        self._kernel = kernel
        self._heap: list[tuple[float, int, Flow]] = []
        self._numbers = count()
        self._served_bytes = 0.0
        self._since_s = 0.0
        self._each_bytes_s = 0.0
        self._plan = 0

    async def send(self, size_bytes: float) -> None:
        """Return when a body is through; whatever ends the wait early takes it off the link."""
        self._serve()
        flow = Flow()
        heapq.heappush(self._heap, (self._served_bytes + size_bytes, next(self._numbers), flow))
        self.flows += 1
        self._divide()
        try:
            await flow
        finally:
            if not flow.over:
                self._take_off(flow)

    def limit_each(self, share_bytes_s: float) -> None:
        """Let the far side take no more than this of each body per second."""
        self._serve()
        self.share_bytes_s = share_bytes_s
        self._divide()

    def break_all(self, error: Exception) -> None:
        """Break every connection that carries a body."""
        self._serve()
        broken = [flow for _, _, flow in self._heap if not flow.over]
        self._heap.clear()
        self.flows = 0
        self._divide()
        for flow in broken:
            flow.over = True
            flow.end(error)

    def _serve(self) -> None:
        now_s = self._kernel.now_s
        self._served_bytes += self._each_bytes_s * (now_s - self._since_s)
        self._since_s = now_s

    def _divide(self) -> None:
        """Give each its rate anew, and plan when the first of them will be through."""
        self._plan += 1
        while self._heap and self._heap[0][2].over:
            heapq.heappop(self._heap)
        if not self.flows:
            self._each_bytes_s = 0.0
            return
        self._each_bytes_s = min(self.rate_bytes_s / self.flows, self.share_bytes_s)
        left_bytes = max(0.0, self._heap[0][0] - self._served_bytes)
        due_s = self._kernel.now_s + left_bytes / self._each_bytes_s
        self._kernel.at(due_s, self._through, self._plan)

    def _through(self, plan: int) -> None:
        if plan != self._plan:
            return
        self._serve()
        _, _, flow = heapq.heappop(self._heap)
        self._take_off(flow)
        flow.end()

    def _take_off(self, flow: Flow) -> None:
        flow.over = True
        self._serve()
        self.flows -= 1
        self._divide()
