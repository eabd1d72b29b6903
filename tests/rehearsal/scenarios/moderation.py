"""Requests on the moderation queue: one that is scanned and told of, and one that cannot be, which is told of too."""

import json

from .events import Bus
from .samples import AI_TEXT


def run(aws, stack, _):
    queue, bus = stack.outputs["ModerationQueueUrl"], Bus(aws, stack, "asked")
    request(aws, queue, {"modality": "text", "content": AI_TEXT, "client_reference": "post-1"})
    request(aws, queue, {"modality": "text", "content": "too short", "client_reference": "post-2"})
    good = bus.wait("event of the request", lambda detail: reference(detail) == "post-1")["detail"]
    assert (good["type"], good["data"]["verdict"]) == ("scan.completed", "ai_generated"), good
    bus = Bus(aws, stack, "asked-again")
    # The same message once more is the same scan, which has been told of.
    request(aws, queue, {"modality": "text", "content": AI_TEXT, "client_reference": "post-1"})
    request(aws, queue, {"modality": "text", "content": "still short", "client_reference": "post-3"})
    bad = bus.wait("event of the refusal", lambda detail: reference(detail) in ("post-1", "post-3"))["detail"]
    assert (bad["type"], bad["data"]["failure_reason"]) == ("scan.failed", "empty_content"), bad
    return f"{good['type']} {good['data']['verdict']}; {bad['type']} {bad['data']['failure_reason']}"


def request(aws, queue, body):
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps({"account_id": "rehearsal", **body}))


def reference(detail):
    return detail["data"]["source"].get("client_reference")
