"""ministack, as a process of its own for as long as the rehearsal runs."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config

ACCOUNT = "123456789012"
REGION = "us-east-1"
START_SECONDS = 60


class Emulator:
    """With `AUTH`, ministack checks signatures and evaluates policies: the functions run with their roles' permissions
    and nothing but these, and buckets refuse whoever comes without TLS. The rehearsal itself signs as the account's
    root."""

    def __init__(self, log):
        self.log = log
        self.folder = tempfile.TemporaryDirectory(prefix="rehearsal-")
        self.certificate = f"{self.folder.name}/ministack-tls/server.crt"
        self.port = free_port()
        self.endpoint = f"https://127.0.0.1:{self.port}"

    def __enter__(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                start_new_session=True,  # a group, to end it together with the functions that it starts
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # nothing that it keeps is wanted
        self.process.wait()
        self.folder.cleanup()

    def environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            # These two are handed on to the functions.
            "AWS_ENDPOINT_URL": self.endpoint,
            "SSL_CERT_FILE": self.certificate,
            "USE_SSL": "1",
            "TMPDIR": self.folder.name,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_PORT": str(free_port()),
            "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "INFO",
        }

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.open(f"{self.endpoint}/_ministack/health", timeout=5).read()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"ministack did not start; see {self.log}") from None
                time.sleep(0.2)

    def open(self, request, timeout=60):
        """`urlopen`, trusting the emulator's certificate."""
        trust = ssl.create_default_context(cafile=self.certificate)
        return urllib.request.urlopen(request, timeout=timeout, context=trust)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            verify=self.certificate,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="rehearsal",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds, look):
    """The first thing that `look` finds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.5)
    raise TimeoutError(f"no {what} within {seconds} s")
