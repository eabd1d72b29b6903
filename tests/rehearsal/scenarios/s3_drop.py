"""A file that is dropped into the bucket: scanned, the verdict put into its tags, and an event sent."""

import json

from emulator import wait_for

from .samples import AI_TEXT

KEY = "uploads/rehearsal/essay.txt"


def run(aws, stack, _):
    s3, sqs = aws.client("s3"), aws.client("sqs")
    bucket, heard = stack.outputs["UploadsBucketName"], listen(aws, stack.outputs["EventBusName"])
    s3.put_object(Bucket=bucket, Key=KEY, Body=AI_TEXT.encode(), ContentType="text/plain")
    tags = wait_for("tags", 60, lambda: s3.get_object_tagging(Bucket=bucket, Key=KEY)["TagSet"])
    assert "ai_generated" in {tag["Value"] for tag in tags}, tags
    messages = wait_for("event", 30, lambda: sqs.receive_message(QueueUrl=heard).get("Messages"))
    event = json.loads(messages[0]["Body"])
    assert "ai_generated" in json.dumps(event["detail"]), event
    told = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in tags)
    return f"{event['detail-type']}; tags {told}"


def listen(aws, bus):
    """A queue that gets every event of the bus from now on."""
    sqs, events = aws.client("sqs"), aws.client("events")
    queue = sqs.create_queue(QueueName="rehearsal-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    service = {"Service": "events.amazonaws.com"}
    allowed = {"Effect": "Allow", "Principal": service, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_rule(Name="rehearsal", EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
    events.put_targets(Rule="rehearsal", EventBusName=bus, Targets=[{"Id": "rehearsal", "Arn": arn}])
    return queue
