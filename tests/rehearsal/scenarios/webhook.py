"""A webhook: the end of a scan arrives, signed by Standard Webhooks, and again after it was refused once."""

import base64
import hashlib
import hmac
import http.server
import json
import secrets
import threading
import uuid

import account
from emulator import wait_for

from .samples import AI_TEXT


def run(aws, stack, api):
    with Listener() as listener:
        allow(aws, stack, listener.address)
        secret = add(aws, stack, listener.url)
        status, scan = api.post("/v1/detect", {"modality": "text", "input_type": "raw_text", "content": AI_TEXT})
        assert status in (200, 202), (status, scan)
        first, second = (wait_for("delivery", 60, lambda: next(listener.about(scan["id"], n), None)) for n in (0, 1))
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"], "the same event, told twice"
    for delivery in (first, second):
        verify(secret, delivery)
    event = json.loads(second["body"])
    assert event["type"] == "scan.completed" and event["data"]["verdict"] == "ai_generated", event
    return f"{event['type']} came again after a refusal, signed"


def add(aws, stack, url):
    """A webhook as crates/cloud/src/webhooks.rs keeps it; returns its secret."""
    secret, webhook_id = base64.b64encode(secrets.token_bytes(32)).decode(), f"wh_{uuid.uuid4().hex}"
    webhook = {
        "id": webhook_id,
        "url": url,
        "secrets": [{"secret": f"whsec_{secret}"}],
        "created_at": "2026-11-22T00:00:00Z",
    }
    table = stack.resources["AccountsTable"]
    account.put(aws, table, {"pk": "rehearsal", "sk": f"webhook#{webhook_id}", "webhook": webhook})
    return base64.b64decode(secret)


def allow(aws, stack, address):
    """Lets `publish` send to an address that is not public: in the rehearsal alone."""
    functions, name = aws.client("lambda"), stack.resources["Publish"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "FETCH_ALLOW": address}}
    )


def verify(secret, delivery):
    """Standard Webhooks, "Signature scheme"."""
    headers = delivery["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{delivery['body']}".encode()
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" in headers["webhook-signature"].split(" "), headers


class Listener:
    """Takes deliveries, and refuses the first."""

    def __enter__(self):
        deliveries = self.deliveries = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                deliveries.append({"headers": headers, "body": body})
                self.send_response(503 if len(deliveries) == 1 else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}/hook"
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def about(self, scan_id, skip):
        """Deliveries about a scan, after the first so many."""
        found = [delivery for delivery in self.deliveries if json.loads(delivery["body"])["subject"] == scan_id]
        return iter(found[skip:])

