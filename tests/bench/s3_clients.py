"""The peers that send footage to an S3 store, each with its own checksums, at its best settings."""

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.machine import program, version
from tests.bench.measuring import Cost, run
from tests.fakes.servers import S3Server

REGION: Final = "us-east-1"
PART_MIB: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A bucket behind an endpoint, which may be a proxy's."""

    server: S3Server
    endpoint: str
    bucket: str

    def environment(self) -> dict[str, str]:
        """Return what the peers read: keys, region, endpoint; and no configuration of anybody's."""
        return {
            "AWS_ACCESS_KEY_ID": self.server.access_key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_ENDPOINT": self.endpoint,
            "ENDPOINT": self.endpoint,
            "BUCKET": self.bucket,
            "RCLONE": program("rclone"),
            "S5CMD": program("s5cmd"),
            "PYTHON": sys.executable,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A peer: its script sends every file of ``$SRC`` to ``$BUCKET`` under ``$PREFIX``."""

    name: str
    script: str
    tells_own_cpu: bool = False
    multipart: bool = True

    def command(self) -> str:
        """Return the script with the versions of what it runs, for the row."""
        return f"{self.script} ({self._version()})"

    def _version(self) -> str:
        match self.name:
            case "boto3":
                import boto3

                return f"boto3 {boto3.__version__}"
            case "curl":
                return f"{version('curl')}, {version('openssl', 'version')}"
            case name:
                return version(name, "version")

    def arguments(self) -> tuple[str, ...]:
        """Return the command line."""
        return ("bash", "-euo", "pipefail", "-c", self.script)

    def variables(self, source: Path, *, to: Destination, prefix: str) -> dict[str, str]:
        """Return the script's environment."""
        return {**to.environment(), "SRC": str(source), "PREFIX": prefix}

    def send(self, source: Path, *, to: Destination, prefix: str, folder: Path) -> Cost:
        """Send everything once; a peer that takes long to start up tells what came after it."""
        own = folder / "own-cpu"
        variables = {**self.variables(source, to=to, prefix=prefix), "OWN_CPU": str(own)}
        cost = run(self.arguments(), environment=variables, log=folder / f"{self.name}.log")
        if not self.tells_own_cpu:
            return cost
        return Cost(wall_s=cost.wall_s, cpu_s=float(own.read_text()))


S5CMD: Final = Client(
    name="s5cmd",
    script=(
        '"$S5CMD" --endpoint-url "$ENDPOINT" cp --concurrency 4 '
        f'--part-size {PART_MIB} "$SRC/" "s3://$BUCKET/$PREFIX/" >&2'
    ),
)
RCLONE: Final = Client(
    name="rclone",
    script=(
        f'"$RCLONE" copy --s3-chunk-size {PART_MIB}M --s3-upload-concurrency 4 '
        '--s3-no-check-bucket "$SRC" ":s3:$BUCKET/$PREFIX"'
    ),
)
BOTO3: Final = Client(
    name="boto3",
    # upload_file with ChecksumAlgorithm=SHA256; its imports are not counted, as dockd's are not.
    script='"$PYTHON" -m tests.bench.s3_clients "$SRC" "$PREFIX"',
    tells_own_cpu=True,
)
CURL: Final = Client(
    name="curl",
    # One PUT a file and no resume: the least that a checked upload can cost.
    script=(
        'for f in "$SRC"/DCIM/*; do d=$(mktemp); openssl dgst -sha256 -binary "$f" > "$d"; '
        "curl -sSf -o /dev/null --aws-sigv4 aws:amz:us-east-1:s3 "
        '-u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
        """-H "x-amz-content-sha256: $(od -An -v -tx1 "$d" | tr -d ' \\n')" """
        '-H "x-amz-checksum-sha256: $(base64 < "$d")" '
        '-T "$f" "$ENDPOINT/$BUCKET/$PREFIX/${f##*/}"; rm "$d"; done'
    ),
    multipart=False,
)
CLIENTS: Final = (RCLONE, S5CMD, BOTO3, CURL)


def _boto3(source: Path, *, prefix: str) -> None:
    """Be the boto3 peer: what a script of ten lines would do."""
    import boto3
    from boto3.s3.transfer import TransferConfig

    client: Any = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], region_name=REGION)
    before_s = _own_cpu_s()
    for path in sorted((source / "DCIM").iterdir()):
        client.upload_file(
            str(path),
            os.environ["BUCKET"],
            f"{prefix}/{path.name}",
            ExtraArgs={"ChecksumAlgorithm": "SHA256"},
            Config=TransferConfig(multipart_chunksize=PART_MIB << 20, max_concurrency=4),
        )
    if "OWN_CPU" in os.environ:
        Path(os.environ["OWN_CPU"]).write_text(str(_own_cpu_s() - before_s))


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _boto3(Path(sys.argv[1]), prefix=sys.argv[2])
