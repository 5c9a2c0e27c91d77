"""Signatures, judged by botocore."""

import hashlib
import string
from datetime import UTC, datetime, timedelta

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.naming import store_key
from dockd.stores.s3.sigv4 import (
    Credentials,
    Unsigned,
    encoded_path,
    encoded_query,
    signed_headers,
)

HOST = "store.example:8333"
NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
# Visible ASCII with inner spaces, as header values of ours are.
VALUES = st.text(string.ascii_letters + string.digits + " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")
TOKENS = st.none() | st.text(string.ascii_letters + string.digits + "/+=", min_size=1)
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
WHEN = st.integers(0, 600_000_000).map(lambda seconds: BEGAN + timedelta(seconds=seconds))


def botocores_signature(
    request: AWSRequest, *, credentials: Credentials, region: str, when: datetime
) -> str:
    """Sign as botocore's `add_auth` does, step by step, without its look at the clock."""
    keys = BotoCredentials(
        credentials.access_key, credentials.secret_key, credentials.session_token
    )
    signer = S3SigV4Auth(keys, "s3", region)
    request.context["timestamp"] = f"{when:%Y%m%dT%H%M%SZ}"
    signer._modify_request_before_signing(request)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    header: str = request.headers["Authorization"]
    return header


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]),
    camera=st.text(min_size=1, max_size=20),
    path=st.binary(min_size=1, max_size=60),
    query=st.dictionaries(NAMES | st.sampled_from(["uploads", "partNumber"]), VALUES, max_size=4),
    metadata=st.dictionaries(NAMES, VALUES, max_size=4),
    token=TOKENS,
    payload=st.binary(max_size=20),
    when=WHEN,
)
def test_every_signature_is_the_one_that_botocore_makes(
    *,
    method: str,
    camera: str,
    path: bytes,
    query: dict[str, str],
    metadata: dict[str, str],
    token: str | None,
    payload: bytes,
    when: datetime,
) -> None:
    """Whatever the key, the query, the headers and the token, the signature is S3's."""
    sha256 = hashlib.sha256(payload).hexdigest()
    key = store_key(camera, sha256=sha256, path=path)
    credentials = Credentials(access_key="AKIDEXAMPLE", secret_key="s3cr/+et", session_token=token)
    headers = {"host": HOST, **{f"x-amz-meta-{n}": v for n, v in metadata.items()}}
    url_path = encoded_path(f"/footage/{key}")
    ours = signed_headers(
        Unsigned(method=method, path=url_path, query=query, headers=headers, payload_sha256=sha256),
        credentials=credentials,
        region="eu-west-2",
        when=when,
    )
    boto_headers = {n: v for n, v in headers.items() if n != "host"}
    request = AWSRequest(
        method,
        f"https://{HOST}{url_path}?{encoded_query(query)}",
        headers={**boto_headers, "X-Amz-Content-SHA256": sha256},
        data=payload,
    )
    request.context["payload_signing_enabled"] = True
    theirs = botocores_signature(request, credentials=credentials, region="eu-west-2", when=when)
    assert ours["authorization"] == theirs
