"""The API of S3 on this machine, by moto."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def bucket_url() -> Iterator[str]:
    """Start a server with one empty bucket; yield its STORAGE_URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id="key",
            aws_secret_access_key="se/cret",
            region_name="eu-central-1",
        )
        name = f"uploads-{uuid.uuid4().hex}"  # servers of one process share their buckets
        client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield f"s3+http://key:se%2Fcret@{host}:{port}/{name}?region=eu-central-1"
    finally:
        server.stop()
