"""API keys, and the account's settings."""

from playwright.sync_api import expect


def test_a_key_is_made_shown_once_used_and_revoked(dashboard, http, picture):
    key = dashboard.make_key("moderation worker")
    picture(dashboard, "new-key")
    assert key.startswith("tl_live_") and http("/v1/usage", key) == 200

    dashboard.page.get_by_role("button", name="I have kept it").click()
    assert key not in dashboard.page.content()
    expect(dashboard.page.locator("#new-key-text")).to_have_value("")
    row = dashboard.page.get_by_role("row", name="moderation worker")
    expect(row).to_contain_text(key[:12])

    row.get_by_role("button", name="Revoke").click()
    question = dashboard.page.get_by_role("dialog")
    question.get_by_role("button", name="Cancel").click()
    assert http("/v1/usage", key) == 200
    row.get_by_role("button", name="Revoke").click()
    picture(dashboard, "revoke")
    question.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    assert http("/v1/usage", key) == 401
    picture(dashboard, "keys-revoked")


def test_the_key_can_be_copied(open_dashboard):
    dashboard = open_dashboard(permissions=["clipboard-read", "clipboard-write"])
    dashboard.sign_in()
    key = dashboard.make_key("copied")
    dashboard.page.get_by_role("button", name="Copy").click()
    expect(dashboard.page.locator("#copy-status")).to_have_text("Copied.")
    assert dashboard.page.evaluate("navigator.clipboard.readText()") == key


def test_a_name_is_text_and_never_markup(dashboard):
    name = "<img src=x onerror=alert(1)>"
    dashboard.make_key(name)
    dashboard.page.keyboard.press("Escape")
    expect(dashboard.page.locator("#key-list td").first).to_have_text(name)
    assert dashboard.page.locator("#key-list img").count() == 0


def test_a_key_needs_a_name(dashboard):
    dashboard.go("keys")
    dashboard.page.get_by_role("button", name="Make a key").click()
    expect(dashboard.page.locator("#keys .problem")).to_have_text("Give the key a name first.")
    expect(dashboard.page.get_by_label("Name of the new key")).to_be_focused()


def test_moderation_thresholds_are_kept(dashboard):
    dashboard.go("account")
    dashboard.page.get_by_label("Flag from").fill("0.6")
    dashboard.page.get_by_label("Reject from").fill("0.9")
    dashboard.page.get_by_role("button", name="Save").click()
    expect(dashboard.page.locator("#moderation-status")).to_have_text("Saved.")
    dashboard.page.reload()
    expect(dashboard.page.get_by_label("Flag from")).to_have_value("0.6")
    expect(dashboard.page.get_by_label("Reject from")).to_have_value("0.9")

    dashboard.page.get_by_label("Reject from").fill("")
    dashboard.page.get_by_role("button", name="Save").click()
    expect(dashboard.page.locator("#moderation-status")).to_have_text("Saved.")
    dashboard.page.reload()
    expect(dashboard.page.get_by_label("Flag from")).to_have_value("0.6")
    expect(dashboard.page.get_by_label("Reject from")).to_have_value("")


def test_thresholds_in_the_wrong_order_are_refused(dashboard):
    dashboard.expected.append("422")
    dashboard.go("account")
    dashboard.page.get_by_label("Flag from").fill("0.9")
    dashboard.page.get_by_label("Reject from").fill("0.6")
    dashboard.page.get_by_role("button", name="Save").click()
    expect(dashboard.page.locator("#account .problem")).to_be_visible()
    expect(dashboard.page.locator("#moderation-status")).to_be_empty()
