"""Signing in and out, and what may go wrong on the way."""

from urllib.parse import parse_qs, urlsplit

from dashboard import VIEWS
from playwright.sync_api import expect


def test_signing_in_leaves_no_code_in_the_address(dashboard, picture):
    assert urlsplit(dashboard.page.url).query == ""
    expect(dashboard.page.locator("#development")).to_contain_text("anyone’s word")
    expect(dashboard.page).to_have_title("Playground · TruthLens")


def test_the_route_is_kept_over_the_sign_in(open_dashboard):
    dashboard = open_dashboard()
    dashboard.page.goto(f"{dashboard.url}/dashboard#usage")
    dashboard.page.get_by_role("button", name="Sign in").click()
    dashboard.page.locator("input[name=account]").fill("browser-route")
    dashboard.page.keyboard.press("Enter")
    expect(dashboard.page.get_by_role("heading", name="Usage")).to_be_visible()


def test_the_request_has_pkce_state_and_nonce(open_dashboard):
    dashboard = open_dashboard()
    dashboard.page.get_by_role("button", name="Sign in").click()
    dashboard.page.wait_for_url("**/authorize?*")
    query = parse_qs(urlsplit(dashboard.page.url).query)
    assert query["code_challenge_method"] == ["S256"] and len(query["code_challenge"][0]) == 43
    assert query["response_type"] == ["code"] and query["state"] != query["nonce"]
    assert query["redirect_uri"] == [f"{dashboard.url}/dashboard"]


def test_an_answer_to_nobodys_sign_in_is_refused(open_dashboard):
    dashboard = open_dashboard()
    dashboard.page.goto(f"{dashboard.url}/dashboard?code=stolen&state=guessed")
    expect(dashboard.page.get_by_role("alert")).to_contain_text("not to a sign-in from this tab")
    assert "code=" not in dashboard.page.url
    assert dashboard.page.evaluate("sessionStorage.length") == 0


def test_the_issuers_refusal_is_told_as_text(open_dashboard):
    dashboard = open_dashboard()
    dashboard.page.get_by_role("button", name="Sign in").click()
    dashboard.page.wait_for_url("**/authorize?*")
    state = parse_qs(urlsplit(dashboard.page.url).query)["state"][0]
    refusal = f"error=access_denied&error_description=<img src=x>No.&state={state}"
    dashboard.page.goto(f"{dashboard.url}/dashboard?{refusal}")
    expect(dashboard.page.get_by_role("alert")).to_have_text("Sign-in was refused: <img src=x>No.")


def test_a_refused_token_ends_the_session(dashboard):
    dashboard.expected.append("401")
    dashboard.page.evaluate("""() => {
      const kept = JSON.parse(sessionStorage["truthlens.token"]);
      sessionStorage["truthlens.token"] = JSON.stringify({ ...kept, token: "forged" });
    }""")
    dashboard.page.get_by_role("link", name="Usage").click()
    expect(dashboard.page.get_by_role("alert")).to_have_text("Your session has ended. Please sign in again.")
    for view in VIEWS:
        expect(dashboard.page.locator(f"#{view}")).to_be_hidden()


def test_an_expired_token_ends_the_session(dashboard):
    dashboard.page.evaluate("""() => {
      const kept = JSON.parse(sessionStorage["truthlens.token"]);
      sessionStorage["truthlens.token"] = JSON.stringify({ ...kept, expires: Date.now() - 1 });
    }""")
    dashboard.page.reload()
    expect(dashboard.page.get_by_role("alert")).to_have_text("Your session has ended. Please sign in again.")


def test_signing_out_forgets_the_token(dashboard):
    dashboard.page.get_by_role("button", name="Sign out").click()
    expect(dashboard.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(dashboard.page.get_by_role("navigation")).to_be_hidden()
    assert dashboard.page.evaluate("sessionStorage.length") == 0
