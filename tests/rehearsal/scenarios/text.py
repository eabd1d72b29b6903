"""A text through the API: api → SQS → inference → DynamoDB, and back to whoever waits."""

from .samples import AI_TEXT


def run(_, __, api):
    status, scan = api.post("/v1/detect", {"modality": "text", "input_type": "raw_text", "content": AI_TEXT})
    assert status == 200, (status, scan)
    assert scan["verdict"] == "ai_generated", scan
    assert scan["details"]["stages"] == {"heuristics": True, "roberta": True, "binoculars": True}, scan
    status, stored = api.get(f"/v1/scans/{scan['id']}")
    assert status == 200 and stored["id"] == scan["id"], (status, stored)
    status, usage = api.get("/v1/usage")
    assert status == 200 and usage["scans"]["used"] >= 1, (status, usage)
    return f"{scan['verdict']} {scan['confidence']} by {scan['model_pack']} in {scan['latency_ms']} ms"
