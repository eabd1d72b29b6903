"""The stack, through CloudFormation."""

import dataclasses
import time

STACK = "truthlens"
PARAMETERS = {"ModelPack": "compact"}
SECONDS = 120


@dataclasses.dataclass
class Stack:
    """What was deployed: outputs by name, physical ids by logical id."""

    outputs: dict
    resources: dict
    seconds: float


def deploy(aws, template_url):
    cloudformation, started = aws.client("cloudformation"), time.monotonic()
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
    )
    while (stack := cloudformation.describe_stacks(StackName=STACK)["Stacks"][0])["StackStatus"] != "CREATE_COMPLETE":
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > started + SECONDS:
            raise RuntimeError("\n".join([stack["StackStatus"], *reasons(cloudformation)]))
        time.sleep(0.5)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return Stack(
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        resources={resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
        seconds=time.monotonic() - started,
    )


def reasons(cloudformation):
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if e.get("ResourceStatusReason")]
