"""A running station asked all that its OpenAPI document allows, and much that it does not."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from tests.daemon.harness import StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import verified
from tests.daemon.world import SMALL, World

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
# Of each path, as often in the document's sense as against it.
QUESTIONS: Final = 12
# The same ones each time, and none made simpler: each failure is shown as it is.
REPEATABLE: Final = settings(
    max_examples=QUESTIONS,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def put(client: httpx2.Client, case: schemathesis.Case[Any]) -> httpx2.Response:
    """Ask as any client would; of an answer without an end take what comes first."""
    told = case.operation.schema.transport.serialize_case(case, base_url=str(client.base_url))
    asked = requests.Request(**told).prepare()
    request = client.build_request(
        str(asked.method),
        str(asked.url),
        headers=[(name, str(value)) for name, value in asked.headers.items()],
        content=cast("bytes | None", asked.body),
    )
    answer = client.send(request, stream=True)
    try:
        is_endless = answer.headers.get("content-type", "").startswith("text/event-stream")
        content = next(answer.iter_raw()) if is_endless else answer.read()
    finally:
        answer.close()
    whole = httpx2.Response(
        answer.status_code, headers=answer.headers, content=content, request=request
    )
    whole.elapsed = answer.elapsed
    return whole


def _is_plain_when_sent(case: schemathesis.Case[Any]) -> bool:
    """Return whether what is wrong about a question is lost on the wire: a list of one, or none."""
    return any(isinstance(value, list) and len(value) < 2 for value in case.query.values())


@dataclass
class Asked:
    """How often a station was asked, and what it answered otherwise than it says that it does."""

    document: dict[str, Any]
    questions: Counter[GenerationMode] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def all_of_it(self, process: StationProcess) -> None:
        """Ask all there is: orders on the socket, where they are taken, all else over TCP."""
        schema = schemathesis.openapi.from_dict(self.document)
        uds = httpx2.HTTPTransport(uds=str(process.world.folder / "api.sock"))
        listen = process.get("/v1/status")["listen"]
        with (
            httpx2.Client(transport=uds, base_url="http://localhost") as by_socket,
            httpx2.Client(base_url=f"http://{listen}") as by_tcp,
        ):
            for result in schema.get_all_operations():
                assert isinstance(result, Ok), result
                operation = result.ok()
                client = by_tcp if operation.method == "get" else by_socket
                self._one(client, operation, GenerationMode.POSITIVE)
                # A path that takes nothing, or any text, cannot be asked in another sense.
                with suppress(Unsatisfiable):
                    self._one(client, operation, GenerationMode.NEGATIVE)

    def _one(self, client: httpx2.Client, operation: Any, mode: GenerationMode) -> None:  # noqa: ANN401 - schemathesis's
        @REPEATABLE
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            if mode is GenerationMode.NEGATIVE and _is_plain_when_sent(case):
                return
            self.questions[mode] += 1
            try:
                case.validate_response(put(client, case))
            except BaseExceptionGroup as failures:
                self.findings += [f"{case.method} {case.path}: {x}" for x in failures.exceptions]

        ask()


def test_a_station_answers_as_it_says_that_it_does(tmp_path: Path) -> None:
    """Whatever it is asked, it gives the statuses, types and shapes of its own description."""
    world = World(tmp_path, room=Share(tmp_path))
    with station(world) as process:
        process.start()
        serial = world.film({SMALL: 100_001})
        world.dock(serial, "A1")
        verified(process, world, serial, clips=1)
        asked = Asked(process.get("/openapi.json"))
        asked.all_of_it(process)
        assert asked.findings == []
        assert min(asked.questions.values()) > 3 * QUESTIONS
        # The same questions find a description that is wrong in one word.
        lying = Asked(process.get("/openapi.json"))
        lying.document["components"]["schemas"]["PowerReport"]["properties"]["driver"] = {
            "type": "integer"
        }
        lying.document["paths"] = {"/v1/status": lying.document["paths"]["/v1/status"]}
        lying.all_of_it(process)
        assert lying.findings != []
        process.stop()
