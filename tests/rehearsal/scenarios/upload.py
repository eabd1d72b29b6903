"""An image that is sent to S3 with a presigned URL first."""

import urllib.request

from .samples import png


def run(aws, _, api):
    image = png(512)
    status, permission = api.post("/v1/uploads", {"content_type": "image/png", "content_length": len(image)})
    assert status in (200, 201), (status, permission)
    request = urllib.request.Request(permission["url"], image, permission["headers"], method="PUT")
    with aws.open(request) as answer:
        assert answer.status == 200, answer.status
    body = {"modality": "image", "input_type": "upload", "upload_id": permission["upload_id"]}
    status, scan = api.post("/v1/detect", body)
    assert status == 200 and scan["details"]["stages"]["classifier"], (status, scan)
    return f"{len(image)} bytes, {scan['verdict']} {scan['confidence']} in {scan['latency_ms']} ms"
