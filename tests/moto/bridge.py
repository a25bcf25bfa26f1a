"""Lets moto, a CloudWatch emulator in Python, read what the agent sends.

The agent speaks Smithy RPC v2 CBOR, which moto doesn't. This bridge accepts an operation in CBOR,
decodes it with cbor2, sends it on to moto in the service's JSON protocol (the one boto3 speaks) and
answers in CBOR again. Nothing is judged here: moto's refusals are passed on.

Starts moto itself, both on free ports of 127.0.0.1, prints one line of JSON with their URLs and
runs until its standard input closes, so that it can't outlive the test that started it.
"""

import gzip
import json
import logging
import sys
import threading
import urllib.error
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cbor2
from moto.server import ThreadedMotoServer

PATH = "/service/GraniteServiceVersion20100801/operation/"
TARGET = "GraniteServiceVersion20100801."
# No proxy of the environment may come between.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Bridge(BaseHTTPRequestHandler):
    """One operation: CBOR in, JSON to moto, CBOR out."""

    protocol_version = "HTTP/1.1"
    moto = ""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        operation = self.path.removeprefix(PATH)
        if not operation.isalpha() or self.headers["smithy-protocol"] != "rpc-v2-cbor":
            self.answer(404, "UnknownOperationException", f"no operation at {self.path}")
            return
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        self.answer(*self.forward(operation, cbor2.loads(body)))

    def forward(self, operation, put):
        """Sends `put` to moto; returns the status and what it answers, or shape, message and code."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": TARGET + operation,
            "Authorization": self.headers["authorization"],
        }
        request = urllib.request.Request(
            self.moto, json.dumps(put, default=seconds).encode(), headers, method="POST"
        )
        try:
            with DIRECT.open(request, timeout=10) as answer:
                return answer.status, None, None, None, typed(json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            problem = error.read().decode(errors="replace")
            try:
                fields = json.loads(problem)
            except json.JSONDecodeError:
                return error.code, "InternalServiceFault", problem
            shape = fields.get("__type", "InternalServiceFault").split("#")[-1]
            message = fields.get("message") or fields.get("Message") or problem
            return error.code, shape, message, error.headers["x-amzn-query-error"]

    def answer(self, status, shape=None, message=None, query_error=None, content=None):
        content = content if shape is None else {"__type": shape, "message": message}
        body = cbor2.dumps(content, datetime_as_timestamp=True)
        self.send_response(status)
        self.send_header("smithy-protocol", "rpc-v2-cbor")
        self.send_header("content-type", "application/cbor")
        self.send_header("content-length", str(len(body)))
        if query_error is not None:
            self.send_header("x-amzn-query-error", query_error)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet: what matters reaches the sender."""


def seconds(value):
    """JSON's form of a timestamp: seconds since the epoch."""
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"not in JSON: {value!r}")


def typed(value, name=""):
    """What JSON doesn't tell apart: timestamps and floating point by their names; no nulls."""
    if isinstance(value, dict):
        return {key: typed(it, key) for key, it in value.items() if it is not None}
    if isinstance(value, list):
        return [typed(it) for it in value]
    if name.endswith("Timestamp") or name == "LastModified":
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return datetime.fromtimestamp(value, timezone.utc)
    return float(value) if name == "Threshold" else value


def warm_up():
    """The first request has moto load the service, which may take longer than a client waits."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": TARGET + "DescribeAlarms",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/eu-central-1/monitoring/aws4_request",
    }
    request = urllib.request.Request(Bridge.moto, b"{}", headers, method="POST")
    with DIRECT.open(request, timeout=60) as answer:
        answer.read()


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    Bridge.moto = f"http://{host}:{port}/"
    warm_up()
    bridge = ThreadingHTTPServer(("127.0.0.1", 0), Bridge)
    bridge.daemon_threads = True
    threading.Thread(target=bridge.serve_forever, daemon=True).start()
    urls = {"bridge": f"http://127.0.0.1:{bridge.server_port}", "moto": Bridge.moto}
    print(json.dumps(urls), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
