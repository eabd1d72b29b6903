"""The product and a browser to meet it with."""

import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from dashboard import Dashboard

REPOSITORY = Path(__file__).parents[2]


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(REPOSITORY / "target/release/truthlens"), help="the program to test")
    parser.addoption("--pack", default=str(REPOSITORY / ".truthlens/models/compact"), help="the model pack's folder")
    parser.addoption("--url", help="a server that already runs, instead")
    parser.addoption("--chromium", default="/usr/bin/chromium", help="the browser")
    parser.addoption("--screenshots", help="a folder for pictures of every view")


@pytest.fixture(scope="session")
def url(request):
    """Where the product listens."""
    running = request.config.getoption("url")
    if running:
        yield running.rstrip("/")
        return
    binary, pack = request.config.getoption("binary"), request.config.getoption("pack")
    with tempfile.TemporaryDirectory() as data:
        log = Path(data, "log")
        command = [binary, "serve", "--port", "0", "--data-dir", data, "--pack", pack, "--rate-limit", "1000"]
        server = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)
        try:
            while not (found := re.search(r"listening on (http://\S+?),", log.read_text())):
                assert server.poll() is None, f"the server did not start: {log.read_text()}"
                time.sleep(0.1)
            yield found[1]
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="session")
def chromium(request):
    """The browser. Root has no sandbox for it, and these pages are our own."""
    with sync_playwright() as playwright:
        path = request.config.getoption("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_dashboard(chromium, url):
    """Opens the dashboard in a profile of its own; at the end of the test, holds against it whatever went wrong."""
    opened = []

    def open_one(**context):
        opened.append(Dashboard(chromium.new_context(**context), url))
        return opened[-1]

    yield open_one
    complaints = [complaint for dashboard in opened for complaint in dashboard.complaints()]
    for dashboard in opened:
        dashboard.context.close()
    assert complaints == []


@pytest.fixture
def dashboard(open_dashboard):
    """The dashboard, signed in to a new account."""
    opened = open_dashboard(viewport={"width": 1280, "height": 900})
    opened.sign_in()
    return opened


@pytest.fixture(scope="session")
def picture(request):
    """Takes a screenshot of a dashboard where screenshots are wanted."""
    folder = request.config.getoption("screenshots")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)

    def take(dashboard, name):
        if folder:
            dashboard.page.wait_for_timeout(500)  # Bars are still growing.
            dashboard.page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    return take


@pytest.fixture
def http(url):
    """Calls the API with a key, as a program would; gives the status."""

    def call(path, key):
        request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    return call
