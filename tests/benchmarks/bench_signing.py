"""Presigned URLs of an object store: qbatch's own signature beside botocore's.

The URLs are the same to the letter (``tests/conformance`` compares a thousand); this is what each
costs. botocore is a peer only: ``pip install botocore`` beside qbatch; without it nothing is
measured.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from measuring import Row, in_turn, peak_mib, python, seconds

SIGNATURES = 1_000


def measure() -> Iterator[Row]:
    if importlib.util.find_spec("botocore") is None:
        print("  (botocore is not there: see the head of bench_signing.py)")
        return
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from qbatch.providers.ibm_direct_access.storage import Bucket
    from qbatch.providers.kit.credentials import Secret

    keys = (Secret("AKID", "here"), Secret("hidden", "here"))
    bucket = Bucket("https://s3.example.com", "", "mine", "us-east-1", *keys)

    def theirs(number: int) -> None:
        asked = AWSRequest("GET", f"https://s3.example.com/mine/input_{number}.json")
        S3SigV4QueryAuth(Credentials("AKID", "hidden"), "s3", "us-east-1", 60).add_auth(asked)

    def ours(number: int) -> None:
        bucket.presign("GET", f"input_{number}.json", now_s=1e9, life_s=60)

    took = in_turn(
        lambda: [ours(n) for n in range(SIGNATURES)],
        lambda: [theirs(n) for n in range(SIGNATURES)],
    )
    yield _row("a presigned URL", [one / SIGNATURES for one in took], 1e6, "µs")
    modules = (
        "qbatch.providers.ibm_direct_access.driver",
        "qbatch.providers.ibm_direct_access.driver, botocore.auth",
    )
    took = [seconds(python("-c", f"import {names}")) for names in modules]
    yield _row("importing the driver, with botocore beside it", took, 1e3, "ms")
    peaks = [peak_mib([sys.executable, "-c", f"import {names}"]) for names in modules]
    yield _row("the same, peak memory", peaks, 1, "MiB")
    yield Row("what is installed for it", "0 MB", "botocore, jmespath, dateutil, urllib3",
              f"{_installed_mb('botocore', 'jmespath', 'python-dateutil', 'urllib3'):.0f} MB", "",
              "")  # fmt: skip


def _row(what: str, took: list[float] | tuple[float, float], factor: float, unit: str) -> Row:
    ours, theirs = (f"{one * factor:.0f} {unit}" for one in took)
    return Row(what, ours, "botocore", theirs, f"{took[0] / took[1]:.2f} x", "< 1 x")


def _installed_mb(*names: str) -> float:
    files = (Path(file.locate()) for name in names for file in metadata.files(name) or ())
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6
