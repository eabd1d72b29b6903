"""An image through the API."""

import base64

from .samples import png


def run(_, __, api):
    content = base64.b64encode(png()).decode()
    status, scan = api.post("/v1/detect", {"modality": "image", "input_type": "upload", "content": content})
    assert status == 200, (status, scan)
    assert scan["verdict"] == "ai_generated", scan
    assert scan["details"]["stages"] == {"metadata": True, "frequency": True, "classifier": True}, scan
    return f"{scan['verdict']} {scan['confidence']} ({scan['attribution']}) in {scan['latency_ms']} ms"
