"""An instance's metadata (IMDSv2 only) and a bucket that checks who asks, as strict as S3 is.

    bucket.py FOLDER

Prints its URL. The bucket "example-bucket" has the files of FOLDER under cwmem/0.1.0/. A signature is
checked by botocore; every x-amz- header has to be signed.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

FOLDER = Path(sys.argv[1])
TOKEN = "AQAEAexample=="
REGION = "cn-north-1"
# A plus, a slash and a quote's neighbours: what secrets are made of.
CREDENTIALS = Credentials("ASIAEXAMPLE", "wJalr/XUtn+FEMI/K7MDENG", "IQoJb3JpZ2lu//////////+wEaCXVz==")
METADATA = {
    "placement/region": REGION,
    "services/domain": "amazonaws.com.cn",
    "iam/security-credentials/": "web-role",
    "iam/security-credentials/web-role": f"""{{
  "Code" : "Success",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "{CREDENTIALS.access_key}",
  "SecretAccessKey" : "{CREDENTIALS.secret_key}",
  "Token" : "{CREDENTIALS.token}",
  "Expiration" : "2026-11-28T23:00:00Z"
}}""",
}


def signed(request):
    """Why the request isn't signed as it has to be; None if it is."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
        r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
        request.headers.get("Authorization", ""),
    )
    if not found:
        return "no signature of version 4"
    key, _, region, names, signature = found.groups()
    names = names.split(";")
    if (key, region) != (CREDENTIALS.access_key, REGION):
        return f"signed by {key} in {region}"
    if request.headers.get("x-amz-security-token") != CREDENTIALS.token:
        return "another token"
    needed = [name.lower() for name in request.headers if name.lower().startswith("x-amz-")] + ["host"]
    missing = sorted(set(needed) - set(names))
    if missing:
        return f"not signed: {missing}"
    url = f"http://{request.headers['Host']}{request.path}"
    rebuilt = AWSRequest("GET", url, headers={name: request.headers[name] for name in names})
    rebuilt.context["timestamp"] = request.headers["x-amz-date"]
    auth = S3SigV4Auth(CREDENTIALS, "s3", REGION)
    text = auth.string_to_sign(rebuilt, auth.canonical_request(rebuilt))
    return None if auth.signature(text, rebuilt) == signature else "another signature"


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        if self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            return self.answer(200, TOKEN)
        return self.answer(400, "")

    def do_GET(self):
        metadata = "/latest/meta-data/"
        if self.path.startswith(metadata):
            if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                return self.answer(401, "")
            found = METADATA.get(self.path.removeprefix(metadata))
            return self.answer(200 if found else 404, found or "")
        why = signed(self)
        if why:
            print(f"refused: {why}", file=sys.stderr, flush=True)
            return self.answer(403, why)
        name = self.path.removeprefix("/example-bucket/cwmem/0.1.0/")
        if "/" in name or not (FOLDER / name).exists():
            return self.answer(404, "")
        return self.answer(200, (FOLDER / name).read_bytes())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
