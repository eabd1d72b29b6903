"""A batch, sent twice with the same key; then the history of it, and an erasure."""

import uuid

from .samples import AI_TEXT


def run(_, __, api):
    texts = [AI_TEXT, AI_TEXT[:300], "Two words"]
    items = [{"modality": "text", "input_type": "raw_text", "content": text} for text in texts]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    status, first = api.post("/v1/detect/batch", {"items": items}, **key)
    assert status == 200 and (first["succeeded"], first["failed"]) == (2, 1), (status, first)
    status, second = api.post("/v1/detect/batch", {"items": items}, **key)
    ids = [[result["result"]["id"] for result in answer["results"] if result["success"]] for answer in (first, second)]
    assert status == 200 and ids[0] == ids[1], (status, second)
    status, history = api.get("/v1/scans?limit=2")
    assert status == 200 and {scan["id"] for scan in history["scans"]} == set(ids[0]), (status, history)
    assert api.send("DELETE", f"/v1/scans/{ids[0][0]}", None, {})[0] == 204
    assert api.get(f"/v1/scans/{ids[0][0]}")[0] == 404
    return "2 of 3 items scanned once, found, and one erased"
