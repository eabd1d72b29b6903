"""What the event bus carries."""

import json

from emulator import wait_for


class Bus:
    """A queue that gets every event of the bus from now on."""

    def __init__(self, aws, stack, name):
        self.sqs, events = aws.client("sqs"), aws.client("events")
        self.queue = self.sqs.create_queue(QueueName=f"rehearsal-{name}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        service = {"Service": "events.amazonaws.com"}
        allowed = {"Effect": "Allow", "Principal": service, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        bus = stack.outputs["EventBusName"]
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": name, "Arn": arn}])

    def wait(self, what, wanted):
        """The first event whose `detail` is wanted."""
        return wait_for(what, 60, lambda: self._next(wanted))

    def _next(self, wanted):
        for message in self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            if wanted(event["detail"]):
                return event
        return None
