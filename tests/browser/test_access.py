"""For everybody: keyboard, screen readers, small screens, dark and light; and the policy that keeps strangers out."""

import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from dashboard import VIEWS, png
from playwright.sync_api import expect

TEXT = "The quick brown fox jumps over the lazy dog, and nobody in the village has ever found out why it would. " * 8


def filled(dashboard):
    """Something to see in every view."""
    dashboard.page.get_by_role("radio", name="Image").check()
    image = {"name": "gradient.png", "mimeType": "image/png", "buffer": png(320, 240)}
    dashboard.page.locator("#image").set_input_files(image)
    dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    expect(dashboard.page.locator("#scan-result .probability")).to_be_visible(timeout=60_000)
    dashboard.page.get_by_role("radio", name="Text").check()
    dashboard.scan_text(TEXT)
    dashboard.make_key("a worker with a rather long name, as names go")
    dashboard.page.keyboard.press("Escape")


def each_view(dashboard):
    for view in VIEWS:
        dashboard.go(view)
        yield view
    dashboard.go("history")
    dashboard.page.locator("#scans a").first.click()
    expect(dashboard.page.locator("#detail .probability")).to_be_visible()
    yield "detail"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_view_is_accessible_and_fits(open_dashboard, picture, scheme, width):
    dashboard = open_dashboard(viewport={"width": width, "height": 800}, color_scheme=scheme)
    found = violations(dashboard, "welcome")
    picture(dashboard, f"welcome-{scheme}-{width}")
    dashboard.sign_in()
    filled(dashboard)
    for view in each_view(dashboard):
        picture(dashboard, f"{view}-{scheme}-{width}")
        for folded in dashboard.page.locator("main details:not([open]) > summary:visible").all():
            folded.click()
        wider = dashboard.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider:
            found.append(f"{view}: scrolls sideways by {wider} pixels")
        found += violations(dashboard, view)
    dashboard.make_key("another")
    found += violations(dashboard, "new key")
    assert found == []


def violations(dashboard, view):
    """What axe holds against the page, contrast, labels and the order of headings among it."""
    dashboard.page.wait_for_timeout(300)  # Colours are still changing.
    results = Axe().run(dashboard.page)
    told = []
    for violation in results.response["violations"]:
        for node in violation["nodes"]:
            told.append(f"{view}: {violation['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}")
    return told


def test_everything_is_reached_by_keyboard(dashboard):
    page = dashboard.page
    press = page.keyboard.press
    page.reload()
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    press("Enter")
    expect(page.locator("main")).to_be_focused()
    press("Tab")
    expect(page.get_by_role("radio", name="Text")).to_be_focused()
    press("ArrowRight")
    expect(page.locator("#image-input")).to_be_visible()
    press("Tab")
    expect(page.locator("#image")).to_be_focused()
    press("Shift+Tab")
    press("ArrowLeft")
    press("Tab")
    expect(page.get_by_label("Text to scan")).to_be_focused()
    page.keyboard.type(TEXT)
    for _ in range(3):
        press("Tab")
    expect(page.get_by_role("button", name="Scan", exact=True)).to_be_focused()
    press("Enter")
    expect(page.locator("#scan-result .probability")).to_be_visible(timeout=60_000)

    page.get_by_role("link", name="Keys").focus()
    press("Enter")
    expect(page.get_by_role("heading", name="API keys")).to_be_focused()
    press("Tab")
    page.keyboard.type("typed")
    press("Enter")
    dialog = page.get_by_role("dialog", name="Your new key")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Key", exact=True)).to_be_focused()
    press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Revoke typed").focus()
    press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    press("Escape")
    expect(page.get_by_role("button", name="Revoke typed")).to_be_focused()


def test_focus_is_seen(dashboard):
    """Whatever has the focus looks different from what has not."""
    unseen = []
    for _ in range(12):
        dashboard.page.keyboard.press("Tab")
        outlined = dashboard.page.evaluate("""() => {
          let shown = document.activeElement;
          if (shown.matches(".choice input, .drop input")) shown = shown.closest("label");
          const { outlineStyle, outlineWidth } = getComputedStyle(shown);
          return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 ? "" : shown.outerHTML.slice(0, 80);
        }""")
        unseen += [outlined] if outlined else []
    assert unseen == []


def test_back_goes_back(dashboard):
    dashboard.go("usage")
    dashboard.go("keys")
    expect(dashboard.page).to_have_title("API keys · TruthLens")
    dashboard.page.go_back()
    expect(dashboard.page.get_by_role("heading", name="Usage")).to_be_visible()
    expect(dashboard.page).to_have_title("Usage · TruthLens")
    expect(dashboard.page.get_by_role("link", name="Usage", exact=True)).to_have_attribute("aria-current", "page")


def test_the_policy_is_strict(url):
    with urllib.request.urlopen(f"{url}/dashboard") as response:
        policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


def test_the_policy_stops_an_injected_script(dashboard):
    """And the tests would notice one."""
    dashboard.expected += ["CSP: script-src", "Content Security Policy", "script-src"]
    dashboard.page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.injected = true";
      document.body.append(script);
    }""")
    assert dashboard.page.evaluate("window.injected") is None
    assert any("CSP: script-src" in text for text in dashboard.console)
