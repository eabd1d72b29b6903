"""A job that kills whoever takes it: it ends among the dead letters, and `finalize` ends its scan without the stage."""

import contextlib

from emulator import wait_for

from .samples import AI_TEXT

DELIVERIES = 3


def run(aws, stack, api):
    sqs, queue = aws.client("sqs"), stack.resources["BinocularsJobs"]
    with nobody_takes(aws, queue):
        body = {"modality": "text", "input_type": "raw_text", "content": AI_TEXT}
        status, scan = api.post("/v1/detect", body, Prefer="respond-async")
        assert status == 202, (status, scan)
        # Taken and never finished, as by a function that dies.
        for _ in range(DELIVERIES):
            receive = lambda: sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages")
            wait_for("delivery of the job", 10, receive)
        assert not sqs.receive_message(QueueUrl=queue).get("Messages")
        scan = wait_for("end of the scan", 60, lambda: ended(api, scan["id"]))
    stages = scan["details"]["stages"]
    assert stages == {"heuristics": True, "roberta": True, "binoculars": False}, scan
    return f"{scan['status']} without binoculars"


def ended(api, scan_id):
    status, scan = api.get(f"/v1/scans/{scan_id}")
    assert status == 200, (status, scan)
    return scan if scan["status"] != "processing" else None


@contextlib.contextmanager
def nobody_takes(aws, queue):
    """Disconnects the function from the queue."""
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    functions = aws.client("lambda")
    mappings = functions.list_event_source_mappings(EventSourceArn=attributes["QueueArn"])["EventSourceMappings"]
    switch(functions, mappings, False)
    try:
        yield
    finally:
        switch(functions, mappings, True)


def switch(functions, mappings, enabled):
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        state = lambda: functions.get_event_source_mapping(UUID=mapping["UUID"])["State"]
        wait_for("switch", 10, lambda: state() == ("Enabled" if enabled else "Disabled"))
