"""dy-gateway 签名示例 / signing example. Python >= 3.9, no packages.

  python3 dygw_example.py sign < input     打印签名与待签名串 / prints signature and string to sign
  python3 dygw_example.py verify LINK      核销一张券 / redeems a coupon; needs DYGW_URL, DYGW_CLIENT_KEY, DYGW_SECRET, DYGW_POI

input 共六行：client_key、secret、timestamp、nonce、method、request_target，其后到结尾是请求正文。
The input is six lines (client_key … request_target), then the body up to the end.
"""
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid


def sign(client_key, secret, timestamp, nonce, method, request_target, body):
    """body: the raw bytes that will be sent, b"" if there are none."""
    string_to_sign = "\n".join(
        [
            "DYGW-HMAC-SHA256",
            client_key,
            timestamp,
            nonce,
            method.upper(),
            request_target,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    signature = hmac.new(secret.encode("utf-8"), string_to_sign.encode("utf-8"), hashlib.sha256).hexdigest()
    return signature, string_to_sign


def post(path, body):
    """One attempt: a new timestamp and a new nonce each time."""
    client_key, timestamp, nonce = os.environ["DYGW_CLIENT_KEY"], str(int(time.time())), uuid.uuid4().hex
    signature, _ = sign(client_key, os.environ["DYGW_SECRET"], timestamp, nonce, "POST", path, body)
    request = urllib.request.Request(
        os.environ["DYGW_URL"] + path,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "X-Client-Key": client_key,
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Signature": signature,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode("utf-8")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8")


def verify(short_link):
    # 先生成并保存 verify_token，再发请求；重试永远用同一个。
    # Make and store the verify_token first; every repeat uses the same one.
    verify_token = str(uuid.uuid4())
    print("verify_token", verify_token, file=sys.stderr)
    body = json.dumps(
        {"poi_id": os.environ["DYGW_POI"], "short_link": short_link, "verify_token": verify_token}
    ).encode("utf-8")
    for attempt in range(3):
        try:
            status, answer = post("/v1/open/coupons/verify", body)
        except OSError as error:
            # 超时或断线：券可能已核销，只能用同一个 verify_token 再问。
            # Timeout or cut: the coupon may be redeemed; ask again with the same verify_token only.
            print("attempt", attempt + 1, "failed:", error, file=sys.stderr)
            time.sleep(1)
            continue
        print(status, answer)
        return
    sys.exit(1)


if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "sign":
        *fields, raw_body = sys.stdin.buffer.read().split(b"\n", 6)
        signature, string_to_sign = sign(*(field.decode("utf-8") for field in fields), raw_body)
        sys.stdout.buffer.write(f"{signature}\n{string_to_sign}".encode("utf-8"))
    elif command == "verify" and len(sys.argv) == 3:
        verify(sys.argv[2])
    else:
        sys.exit(__doc__)
