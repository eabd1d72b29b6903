"""An account and its first key, written as crates/cloud writes them (accounts.rs, keys.rs, api_key.rs)."""

import datetime
import hashlib
import hmac
import secrets
import string
import uuid
import zlib

from boto3.dynamodb.types import TypeSerializer

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def create(aws, stack, account):
    """Returns the key."""
    pepper = aws.client("secretsmanager").get_secret_value(SecretId=stack.resources["KeyPepper"])["SecretString"]
    key = generate()
    digest = hmac.new(pepper.encode(), key.encode(), hashlib.sha256).hexdigest()
    info = {
        "id": f"key_{uuid.uuid4().hex}",
        "account": account,
        "hint": key[:12],
        "created_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "revoked": False,
    }
    accounts, keys = stack.resources["AccountsTable"], stack.resources["KeysTable"]
    put(aws, accounts, {"pk": account, "sk": "account", "plan": "pro"})
    put(aws, keys, {"pk": digest, "sk": "key", "digest": digest, "key": info})
    put(aws, keys, {"pk": f"account#{account}", "sk": info["id"], "digest": digest, "key": info})
    return key


def generate():
    body = "tl_live_" + "".join(secrets.choice(DIGITS) for _ in range(32))
    check, rest = "", zlib.crc32(body.encode())
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        check = DIGITS[digit] + check
    return body + check


def put(aws, table, item):
    serialised = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    aws.client("dynamodb").put_item(TableName=table, Item=serialised)
