"""General HTTP libraries, used as applications use them: each sends one request and reads the answer as asked."""

import http.client
import itertools
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import botocore.httpsession
import requests
import urllib3
from botocore.awsrequest import AWSRequest

__all__ = ["CLIENTS", "Client", "Read", "Result"]

Read = Literal["whole", "pieces", "close", "drop"]
"""All at once; piece by piece to the end; the first piece and `close`; the first piece, and then never heard of."""
Result = tuple[int, bytes]
"""Status, and as much of the body as was read."""
Client = Callable[[str, bytes, Read], Result]

JSON = {"content-type": "application/json"}
PIECE = 16
WAIT_S = 3


def _read(response: Any, pieces: Any, read: Read) -> bytes:
    """Read by an iterator over pieces, as asked."""
    if read == "pieces":
        return b"".join(pieces)
    first = b"".join(itertools.islice(pieces, 1))
    if read == "close":
        response.close()
    return first


def with_requests(url: str, body: bytes, read: Read) -> Result:
    with requests.Session() as session:
        response = session.post(url, data=body, headers=JSON, stream=read != "whole", timeout=WAIT_S)
        if read == "whole":
            return response.status_code, response.content
        return response.status_code, _read(response, response.iter_content(PIECE), read)


def with_urllib3(url: str, body: bytes, read: Read) -> Result:
    with urllib3.PoolManager(retries=urllib3.Retry(connect=0, read=0, redirect=3), timeout=WAIT_S) as pools:
        response = pools.request("POST", url, body=body, headers=JSON, preload_content=read == "whole")
        if read == "whole":
            return response.status, response.data
        result = response.status, _read(response, response.stream(PIECE), read)
        if read == "pieces":
            response.release_conn()
        return result


def with_http_client(url: str, body: bytes, read: Read) -> Result:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=WAIT_S)
    try:
        connection.request("POST", parts.path, body, JSON)
        response = connection.getresponse()
        if location := response.getheader("location"):
            response.read()
            connection.request("POST", location, body, JSON)
            response = connection.getresponse()
        if read == "whole":
            return response.status, response.read()
        return response.status, _read(response, iter(lambda: response.read(PIECE), b""), read)
    finally:
        if read != "drop":
            connection.close()


def with_urllib_request(url: str, body: bytes, read: Read) -> Result:
    try:
        response: Any = urllib.request.urlopen(urllib.request.Request(url, body, JSON), timeout=WAIT_S)
    except urllib.error.HTTPError as error:
        if location := error.headers.get("location"):
            error.close()
            return with_urllib_request(location, body, read)
        with error:
            return error.code, error.read()
    if read == "whole":
        with response:
            return response.status, response.read()
    return response.status, _read(response, iter(lambda: response.read1(PIECE), b""), read)


def with_botocore(url: str, body: bytes, read: Read) -> Result:
    session = botocore.httpsession.URLLib3Session(timeout=WAIT_S)
    request = AWSRequest("POST", url, headers=JSON, data=body, stream_output=read != "whole").prepare()
    try:
        response = session.send(request)
        if location := response.headers.get("location"):
            return with_botocore(location, body, read)
        if read == "whole":
            return response.status_code, response.content
        return response.status_code, _read(response.raw, response.raw.stream(PIECE), read)
    finally:
        session.close()


CLIENTS: dict[str, Client] = {
    "requests": with_requests,
    "urllib3": with_urllib3,
    "http.client": with_http_client,
    "urllib.request": with_urllib_request,
    "botocore": with_botocore,
}
