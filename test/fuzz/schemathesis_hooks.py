"""Makes Schemathesis a client of the gateway: signs each request over its very bytes, puts coupons that can be redeemed
into requests that would otherwise name none, and counts what was sent. Read by schemathesis.ts."""

import hashlib
import hmac
import json
import os
import random
import secrets
import threading
import time
from urllib.parse import urlsplit

import requests
import schemathesis

APP_ID = os.environ["FUZZ_APP_ID"]
CLIENT_KEY = os.environ["FUZZ_CLIENT_KEY"]
SECRET = os.environ["FUZZ_SECRET"].encode()
COUPONS = json.loads(os.environ["FUZZ_COUPONS"])
COUNTS_FILE = open(os.environ["FUZZ_COUNTS_FILE"], "a", encoding="utf-8", buffering=1)
CHOICE = random.Random(os.environ["FUZZ_SEED"])
LOCK = threading.Lock()

# How often a request that names a coupon gets a real one.
REAL_COUPON_SHARE = 0.5


class Signer(requests.auth.AuthBase):
    """Runs on the prepared request, when body and target are what will be sent."""

    def __call__(self, request):
        parts = urlsplit(request.url)
        if parts.path.startswith("/v1/internal/"):
            request.headers["X-XTJ-UID"] = "schemathesis"
        elif parts.path.startswith("/v1/open/"):
            body = request.body or b""
            body = body.encode() if isinstance(body, str) else body
            timestamp = str(int(time.time()))
            nonce = secrets.token_hex(12)
            text = "\n".join(
                [
                    "DYGW-HMAC-SHA256",
                    CLIENT_KEY,
                    timestamp,
                    nonce,
                    request.method.upper(),
                    request.path_url,
                    hashlib.sha256(body).hexdigest(),
                ]
            )
            request.headers.update(
                {
                    "X-Client-Key": CLIENT_KEY,
                    "X-Timestamp": timestamp,
                    "X-Nonce": nonce,
                    "X-Signature": hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest(),
                }
            )
        return request


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # What stands in the headers is the signer's; wrong ones are the other fuzzer's to try.
    raw_schema.get("components", {}).pop("securitySchemes", None)
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs["auth"] = Signer()
    # An app that was disabled or fenced in would see nothing but 403.
    if str(case.path_parameters.get("id")) == APP_ID and "/apps/" in case.path:
        case.path_parameters["id"] = 1
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_positive or not isinstance(case.body, dict) or not case.path.startswith("/v1/open/"):
        return
    with LOCK:
        if CHOICE.random() > REAL_COUPON_SHARE:
            return
        coupon = CHOICE.choice(COUPONS)
    for field in ("short_link", "code"):
        if field in case.body:
            case.body[field] = coupon[field]
    case.body["poi_id"] = coupon["poi_id"]


@schemathesis.hook
def after_call(context, case, response):
    with LOCK:
        COUNTS_FILE.write(f"{case.operation.definition.raw['operationId']} {response.status_code}\n")
