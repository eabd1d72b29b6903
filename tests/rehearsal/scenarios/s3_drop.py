"""A file that is dropped into the bucket: scanned, the verdict put into its tags, and an event sent."""

from emulator import wait_for

from .events import Bus
from .samples import AI_TEXT

KEY = "uploads/rehearsal/essay.txt"


def run(aws, stack, _):
    s3, bucket, bus = aws.client("s3"), stack.outputs["UploadsBucketName"], Bus(aws, stack, "dropped")
    s3.put_object(Bucket=bucket, Key=KEY, Body=AI_TEXT.encode(), ContentType="text/plain")
    tags = wait_for("tags", 60, lambda: s3.get_object_tagging(Bucket=bucket, Key=KEY)["TagSet"])
    assert "ai_generated" in {tag["Value"] for tag in tags}, tags
    event = bus.wait("event", lambda detail: detail["data"]["source"].get("key") == KEY)
    assert event["detail"]["data"]["verdict"] == "ai_generated", event
    told = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in tags)
    return f"{event['detail-type']}; tags {told}"
