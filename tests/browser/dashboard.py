"""The dashboard as a user meets it, and what a browser holds against it."""

import itertools
import os
import struct
import zlib
from urllib.parse import urlsplit

from playwright.sync_api import expect

VIEWS = ["playground", "history", "usage", "keys", "account"]
ACCOUNTS = (f"browser-{os.getpid()}-{number}" for number in itertools.count())


class Dashboard:
    def __init__(self, context, url):
        self.url, self.context = url, context
        self.page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.allowed = {urlsplit(url).netloc}
        self.expected = []  # Console errors that a test provokes.
        self.console, self.requests = [], []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) =>"
            " console.error('CSP: ' + e.effectiveDirective + ' ' + e.blockedURI))"
        )
        self.page.goto(f"{url}/dashboard")

    def _hear(self, message):
        # The sign-in page and other plain pages are not under test; browsers ask for their icon.
        if message.type in ("error", "warning"):
            self.console.append(f"{message.text} ({message.location['url']})")

    def complaints(self):
        """Console errors, exceptions, violations of the policy, and requests that went elsewhere."""
        said = [text for text in self.console if not any(expected in text for expected in self.expected)]
        parts = [urlsplit(url) for url in self.requests]
        parts = [part for part in parts if part.scheme not in ("blob", "data")]
        return said + [part.geturl() for part in parts if part.netloc not in self.allowed]

    def sign_in(self, account=None):
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator("input[name=account]").fill(account or next(ACCOUNTS))
        self.page.locator("button[type=submit], input[type=submit], button").first.click()
        expect(self.page.get_by_role("heading", name="Playground")).to_be_visible()

    def go(self, view):
        """By the navigation."""
        self.page.get_by_role("navigation").get_by_role("link", name=view.capitalize()).click()
        expect(self.page.locator(f"#{view}")).to_be_visible()
        self.page.wait_for_load_state("networkidle")

    def scan_text(self, text):
        self.go("playground")
        self.page.get_by_role("radio", name="Text").check()
        self.page.get_by_label("Text to scan").fill(text)
        self.page.get_by_role("button", name="Scan", exact=True).click()
        expect(self.page.locator("#scan-result .probability")).to_be_visible(timeout=60_000)

    def make_key(self, name):
        """Makes a key and gives it."""
        self.go("keys")
        self.page.get_by_label("Name of the new key").fill(name)
        self.page.get_by_role("button", name="Make a key").click()
        dialog = self.page.get_by_role("dialog", name="Your new key")
        expect(dialog).to_be_visible()
        return dialog.get_by_label("Key", exact=True).input_value()


def png(width, height, noise=0, texts=None):
    """A picture with a gradient; with noise, one that does not compress; and with these texts in its metadata."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        if noise:
            rows += os.urandom(width * 3)
        else:
            for x in range(width):
                rows += bytes((x * 255 // width, y * 255 // height, (x ^ y) & 255))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(rows), 1)
    texts = b"".join(chunk(b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in (texts or {}).items())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + texts + chunk(b"IDAT", data) + chunk(b"IEND", b"")
