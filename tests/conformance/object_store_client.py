"""Scenarios of the widespread S3 client `boto3` against the emulated system's object store."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import boto3
import fence
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

BUCKET = os.environ["QRMI_IBM_QS_S3_BUCKET"]

#: Keys whose encoding is easily got wrong.
KEYS = ("plain.json", "a b/c+d.json", "tilde~and=equals&more", "ümläut/§.json", "percent%20sign")


def connect(secret: str | None = None) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=os.environ["QRMI_IBM_QS_S3_ENDPOINT"],
        region_name=os.environ["QRMI_IBM_QS_S3_REGION"],
        aws_access_key_id=os.environ["QRMI_IBM_QS_AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or os.environ["QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY"],
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}
        ),
    )


def raised(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def objects() -> Any:
    """Header signatures: objects and their tags."""
    s3 = connect()
    seen: dict[str, Any] = {}
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), Tagging="owner=me&state=a%20b")
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
    head = s3.head_object(Bucket=BUCKET, Key=KEYS[0])
    seen["length"] = head["ContentLength"]
    seen["tags"] = s3.get_object_tagging(Bucket=BUCKET, Key=KEYS[0])["TagSet"]
    more = {"TagSet": [{"Key": "final", "Value": "Completed"}]}
    s3.put_object_tagging(Bucket=BUCKET, Key=KEYS[0], Tagging=more)
    seen["more"] = s3.get_object_tagging(Bucket=BUCKET, Key=KEYS[0])["TagSet"]
    s3.delete_object(Bucket=BUCKET, Key=KEYS[0])
    seen["gone"] = raised(lambda: s3.get_object(Bucket=BUCKET, Key=KEYS[0]))
    seen["guess"] = raised(lambda: connect("guess").get_object(Bucket=BUCKET, Key=KEYS[1]))
    return seen


def presigned() -> Any:
    """Query signatures: what botocore signs opens, and nothing else does."""
    s3, seen = connect(), []
    for key in KEYS:
        there = {"Bucket": BUCKET, "Key": key}
        put, get = (
            s3.generate_presigned_url(name, Params=there, ExpiresIn=60)
            for name in ("put_object", "get_object")
        )
        statuses = [
            requests.put(put, data=b"content", timeout=10).status_code,
            requests.get(get, timeout=10).status_code,
            requests.put(get, data=b"content", timeout=10).status_code,
            requests.get(get.replace("Expires=60", "Expires=61"), timeout=10).status_code,
        ]
        seen.append(statuses)
    return seen


def names() -> Any:
    """List the bucket; the emulated store cannot."""
    return [one["Key"] for one in connect().list_objects_v2(Bucket=BUCKET)["Contents"]]


def signed() -> Any:
    """Presigned URLs of each key, for reading and for writing."""
    s3 = connect()
    return [
        [method, key, s3.generate_presigned_url(call, {"Bucket": BUCKET, "Key": key}, 600)]
        for key in KEYS
        for method, call in (("GET", "get_object"), ("PUT", "put_object"))
    ]


def signed_at() -> Any:
    """Sign each URL of ``REQUESTS`` for a method, keys, a region, an instant and a life."""
    seen = []
    for method, url, access, secret, region, at, life in json.loads(os.environ["REQUESTS"]):
        then = datetime.datetime.fromtimestamp(at, datetime.UTC)
        asked = AWSRequest(method, url)
        with mock.patch("botocore.auth.get_current_datetime", return_value=then):
            S3SigV4QueryAuth(Credentials(access, secret), "s3", region, life).add_auth(asked)
        seen.append(asked.url)
    return seen


SCENARIOS: dict[str, Callable[[], Any]] = {
    one.__name__: one for one in (objects, presigned, names, signed, signed_at)
}

if __name__ == "__main__":
    fence.main(SCENARIOS)
