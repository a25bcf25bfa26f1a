"""Whether a token is one that RDS would take: everything is computed again, by hand.

The token comes on standard input; the arguments are HOST:PORT, user, region, key's name, secret and
session token. Says "good", or what is not as it should be.
"""

import datetime
import hashlib
import hmac
import sys
import urllib.parse

place, user, region, key, secret, session = sys.argv[1:]
token = sys.stdin.read()
start = f"{place}/?"
assert token.startswith(start), "another place"
query = dict(part.split("=", 1) for part in token[len(start):].split("&"))
signature = query.pop("X-Amz-Signature")
time = query["X-Amz-Date"]
day = time[:8]
expected = {
    "Action": "connect",
    "DBUser": user,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": f"{key}/{day}/{region}/rds-db/aws4_request",
    "X-Amz-Date": time,
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Security-Token": session,
}
found = {name: urllib.parse.unquote(value) for name, value in query.items()}
assert found == expected, f"expected {sorted(expected)}, found {sorted(found)}"
at = datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
age = (datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()
assert -2 < age < 60, f"signed {age} s ago"

quoted = sorted((name, urllib.parse.quote(value, safe="-_.~")) for name, value in found.items())
request = "\n".join([
    "GET",
    "/",
    "&".join(f"{name}={value}" for name, value in quoted),
    f"host:{place}",
    "",
    "host",
    hashlib.sha256(b"").hexdigest(),
])
text = "\n".join([
    "AWS4-HMAC-SHA256",
    time,
    f"{day}/{region}/rds-db/aws4_request",
    hashlib.sha256(request.encode()).hexdigest(),
])
signing = f"AWS4{secret}".encode()
for step in (day, region, "rds-db", "aws4_request"):
    signing = hmac.digest(signing, step.encode(), "sha256")
computed = hmac.digest(signing, text.encode(), "sha256").hex()
assert signature == computed, "another signature"
print("good")
