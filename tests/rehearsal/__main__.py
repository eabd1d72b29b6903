"""Deploys template.yaml to an emulator of AWS and drives it: `python tests/rehearsal --help`."""

import argparse
import pathlib
import sys
import tempfile
import traceback

import account
import api_client
import deployment
import emulator
import package
from scenarios import SCENARIOS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(prog="tests/rehearsal", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "target/release", help="the compiled functions")
    parser.add_argument("--pack", type=pathlib.Path, default=ROOT / ".truthlens/models/compact", help="the model pack")
    parser.add_argument("--without", nargs="*", default=[], metavar="function", help="functions not compiled")
    parser.add_argument("--log", type=pathlib.Path, default=ROOT / ".truthlens/rehearsal.log", help="the emulator's log")
    parser.add_argument("--only", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}; else all of them")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, emulator.Emulator(arguments.log) as aws:
        artifacts = package.build(pathlib.Path(folder), arguments.binaries, arguments.pack, arguments.without)
        stack = deployment.deploy(aws, package.template(aws, ROOT / "template.yaml", artifacts))
        print(f"deployed {len(stack.resources)} resources in {stack.seconds:.1f} s", flush=True)
        key = account.create(aws, stack, "rehearsal")
        api = api_client.Api(aws, stack.outputs["ApiUrl"], key)
        failed = []
        for name in arguments.only or SCENARIOS:
            scenario = SCENARIOS[name]
            if missing := scenario.needs.intersection(arguments.without):
                print(f"{name}: left out, without {', '.join(missing)}", flush=True)
                continue
            try:
                print(f"{name}: {scenario.run(aws, stack, api)}", flush=True)
            except Exception:
                traceback.print_exc()
                failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; see {arguments.log}")


main()
