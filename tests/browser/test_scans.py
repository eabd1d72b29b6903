"""The playground, the history, usage."""

import json
import urllib.request
from base64 import b64encode

from dashboard import png
from playwright.sync_api import expect

TEXT = (
    "In today’s fast-paced world 🌍, effective communication is essential for building meaningful relationships. By "
    "leveraging modern tools and thoughtful strategies, individuals can foster collaboration, enhance productivity, and "
    "unlock new opportunities for growth 🚀. Moreover, embracing diverse perspectives empowers teams to navigate complex "
    "challenges with confidence. Ultimately, the journey toward success is a testament to resilience, adaptability, and "
    "a commitment to continuous improvement in every facet of life.\n\n"
) * 4


def ended(response):
    """Whether it is the answer of a scan that has ended."""
    return "/v1/scans/" in response.url and response.json()["status"] == "completed"


def watch(dashboard):
    """Keeps everything that the status line says."""
    dashboard.page.evaluate("""() => {
      const line = document.getElementById("scan-status");
      window.said = [];
      new MutationObserver(() => window.said.push(line.textContent)).observe(line, { childList: true });
    }""")


def test_a_text_is_scanned_stage_by_stage(dashboard, picture):
    watch(dashboard)
    with dashboard.page.expect_response(ended) as answer:
        dashboard.scan_text(TEXT)
    details = answer.value.json()["details"]
    dashboard.page.wait_for_timeout(500)  # Bars are still growing.
    names = {"heuristics": "heuristic_score", "roberta": "roberta_score", "binoculars": "binoculars_score"}
    for stage, name in names.items():
        row = dashboard.page.locator(f"#scan-result [data-stage={stage}]")
        expect(row.locator(".value")).to_have_text(f"{round(details[name] * 100)} %")
        drawn = row.evaluate("row => row.querySelector('i').offsetWidth / row.querySelector('.track').offsetWidth")
        assert abs(drawn - details[name]) < 0.02, "the bar is as long as the score says"
    said = dashboard.page.evaluate("said")
    assert any("of 3 detectors have finished" in sentence for sentence in said), said
    assert "AI probability" in said[-1]
    picture(dashboard, "playground-text")


def test_segments_lie_where_the_api_says(dashboard):
    with dashboard.page.expect_response(ended) as answer:
        dashboard.scan_text(TEXT)
    segments = answer.value.json()["segments"]
    assert len(segments) > 1, "a text of this length has several"
    marks = dashboard.page.locator("mark").evaluate_all("all => all.map((mark) => mark.firstChild.data)")
    # Python counts characters as the API does; the browser counts the emoji twice.
    assert marks == [TEXT[segment["start"] : segment["end"]] for segment in segments]
    whole = dashboard.page.locator(".reading").evaluate("""(reading) => {
      const copy = reading.cloneNode(true);
      for (const score of copy.querySelectorAll("b")) score.remove();
      return copy.textContent;
    }""")
    assert whole == TEXT


def test_samples_are_told_apart(dashboard):
    verdicts = {}
    for sample in ("a text by AI", "one by a person"):
        dashboard.page.get_by_role("button", name=sample).click()
        dashboard.page.get_by_role("button", name="Scan", exact=True).click()
        expect(dashboard.page.get_by_role("button", name="Scan", exact=True)).to_be_enabled(timeout=60_000)
        verdicts[sample] = dashboard.page.locator(".conclusion h2").inner_text()
    assert verdicts == {"a text by AI": "Likely AI", "one by a person": "Likely human"}


def test_a_refused_text_says_why(dashboard):
    dashboard.expected.append("422")
    dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    expect(dashboard.page.locator("#scan-problem")).to_have_text("Paste a text first.")
    dashboard.page.get_by_label("Text to scan").fill("Three words only")
    dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    expect(dashboard.page.locator("#scan-problem")).to_contain_text("words")
    expect(dashboard.page.get_by_role("button", name="Scan", exact=True)).to_be_enabled()


def drop(dashboard, name, content):
    dashboard.page.get_by_role("radio", name="Image").check()
    data = dashboard.page.evaluate_handle(
        """([name, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: "image/png" }));
          return data;
        }""",
        [name, b64encode(content).decode()],
    )
    dashboard.page.locator("#drop").dispatch_event("drop", {"dataTransfer": data})
    expect(dashboard.page.locator("#preview")).to_be_visible()


def test_a_dropped_image_is_scanned_found_in_history_and_erased(dashboard, picture):
    drop(dashboard, "gradient.png", png(400, 300))
    expect(dashboard.page.locator("#image-about")).to_contain_text("gradient.png")
    dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    expect(dashboard.page.locator("#scan-result .probability")).to_be_visible(timeout=60_000)
    expect(dashboard.page.locator(".features")).to_contain_text("400 × 300")
    picture(dashboard, "playground-image")

    dashboard.scan_text(TEXT)
    dashboard.go("history")
    rows = dashboard.page.locator("#scans tr")
    expect(rows).to_have_count(2)
    dashboard.page.get_by_label("Kind").select_option("image")
    expect(rows).to_have_count(1)
    dashboard.page.get_by_label("Kind").select_option("text")
    expect(rows.first).to_contain_text("Text")
    picture(dashboard, "history")

    rows.first.get_by_role("link").click()
    expect(dashboard.page.get_by_role("heading", name="Scan", exact=True)).to_be_focused()
    expect(dashboard.page.locator("#detail .stages li")).to_have_count(3)
    expect(dashboard.page.locator("#detail .strip i").first).to_be_visible()
    assert "fast-paced" not in dashboard.page.locator("#scan-detail").inner_text()
    picture(dashboard, "detail")
    address = dashboard.page.url

    dashboard.page.get_by_role("button", name="Erase this scan").click()
    dashboard.page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(dashboard.page.locator("#scans-status")).to_have_text("No scans here.")
    dashboard.page.get_by_role("button", name="Clear").click()
    expect(rows).to_have_count(1)
    dashboard.expected.append("404")
    dashboard.page.goto(address)
    expect(dashboard.page.locator("#scan-detail .problem")).to_be_visible()
    dashboard.page.go_back()
    expect(rows).to_have_count(1)


def test_what_a_file_says_of_itself_stands_above_the_scores(dashboard, picture):
    drop(dashboard, "boat.png", png(400, 300, texts={"Software": "NovelAI"}))
    dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    evidence = dashboard.page.locator("#scan-result .evidence li")
    expect(evidence).to_have_count(1, timeout=60_000)
    expect(evidence).to_have_attribute("data-strength", "proof")
    expect(evidence).to_contain_text("Its metadata names NovelAI as what made it.")
    expect(evidence).to_contain_text("PNG text Software")
    below = dashboard.page.locator("#scan-result .stages").bounding_box()["y"]
    assert evidence.bounding_box()["y"] < below
    picture(dashboard, "evidence")


def test_a_big_image_goes_to_the_storage_by_itself(dashboard):
    """Since behind API Gateway no request of that size arrives."""
    drop(dashboard, "noise.png", png(1400, 1100, noise=True))
    with dashboard.page.expect_response("**/v1/uploads") as permission:
        dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    storage = permission.value.json()["url"]
    dashboard.allowed.add(storage.split("/")[2])
    expect(dashboard.page.locator("#scan-result .probability")).to_be_visible(timeout=60_000)
    expect(dashboard.page.locator(".features")).to_contain_text("1,400 × 1,100")


def test_a_used_up_month_is_explained(dashboard, picture):
    """Where sign-in makes accounts of a plan without a limit there is nothing to use up."""
    key = dashboard.make_key("batch")
    dashboard.page.keyboard.press("Escape")
    left = ask(dashboard, "GET", "/v1/usage", key)["scans"]["remaining"]
    assert left and left <= 100, f"new accounts are on the free plan; this one has {left} scans left"
    item = {"modality": "text", "input_type": "raw_text", "content": "one two three four five six"}
    ask(dashboard, "POST", "/v1/detect/batch", key, {"items": [item] * left})
    dashboard.go("usage")
    expect(dashboard.page.locator("#quota")).to_contain_text("0 left")
    expect(dashboard.page.locator("#days title").filter(has_text=f": {left}")).to_have_count(1)
    picture(dashboard, "usage-used-up")

    dashboard.expected.append("402")
    dashboard.go("playground")
    dashboard.page.get_by_label("Text to scan").fill("one two three four five six")
    dashboard.page.get_by_role("button", name="Scan", exact=True).click()
    expect(dashboard.page.locator("#scan-problem")).to_contain_text(f"All {left} scans of this month are used.")
    dashboard.page.get_by_role("link", name="See your usage").click()
    expect(dashboard.page.get_by_role("heading", name="Usage")).to_be_visible()


def ask(dashboard, method, path, key, body=None):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Prefer": "respond-async"}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(dashboard.url + path, data, headers, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)
