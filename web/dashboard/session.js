// Who is signed in: OpenID Connect, authorization code flow with PKCE (RFC 7636), without a client secret.
// The access token lives in sessionStorage: it ends with the tab, and no other origin's page can read it.

const TOKEN = "truthlens.token";
const PENDING = "truthlens.sign-in";
const redirectUri = () => `${location.origin}/dashboard`;

let ended = () => {};

/** Calls `then` with a message when the session ends before the user ends it. */
export function onEnd(then) {
  ended = then;
}

/** How to sign in here, or null where sign-in is not configured. */
export async function signInSettings() {
  const response = await fetch("/v1/sign-in", { cache: "no-store" });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`sign-in settings: ${response.status}`);
  return response.json();
}

/** Leaves for the issuer's page. The route is kept, to come back to. */
export async function signIn(settings) {
  const pending = { verifier: random(), state: random(), nonce: random(), route: location.hash };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const url = new URL(settings.authorization_endpoint, location.origin);
  const query = {
    response_type: "code",
    client_id: settings.client_id,
    redirect_uri: redirectUri(),
    scope: settings.scope,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  location.assign(url);
}

/**
 * Takes the issuer's answer from the address bar, if there is one, and the token for it.
 * Returns what went wrong as a sentence, or null.
 */
export async function completeSignIn(settings) {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("code") && !answer.has("error")) return null;
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "{}");
  sessionStorage.removeItem(PENDING);
  // A code in the address bar would be sent again by a reload, and read over a shoulder.
  history.replaceState(null, "", `/dashboard${pending.route ?? ""}`);
  if (!pending.state || answer.get("state") !== pending.state) {
    return "That answer was not to a sign-in from this tab. Please sign in again.";
  }
  if (answer.has("error")) {
    return `Sign-in was refused: ${answer.get("error_description") ?? answer.get("error")}`;
  }
  try {
    keep(await redeem(settings, answer.get("code"), pending));
    return null;
  } catch {
    return "Sign-in could not be completed. Please try again.";
  }
}

async function redeem(settings, code, pending) {
  const response = await fetch(new URL(settings.token_endpoint, location.origin), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri(),
      client_id: settings.client_id,
      code_verifier: pending.verifier,
    }),
  });
  if (!response.ok) throw new Error(`token: ${response.status}`);
  const tokens = await response.json();
  // The ID token came from the issuer itself over TLS, so its signature need not be checked (OpenID Connect Core
  // 3.1.3.7); the nonce ties it to this sign-in.
  const claims = JSON.parse(fromBase64url(tokens.id_token.split(".")[1]));
  if (claims.nonce !== pending.nonce) throw new Error("token: another sign-in's");
  return tokens;
}

function keep({ access_token: token, expires_in: seconds }) {
  sessionStorage.setItem(TOKEN, JSON.stringify({ token, expires: Date.now() + (seconds ?? 3600) * 1000 }));
}

/** The access token, or null when signed out. One that has expired ends the session. */
export function token() {
  const kept = JSON.parse(sessionStorage.getItem(TOKEN) ?? "null");
  if (kept && kept.expires > Date.now()) return kept.token;
  end("Your session has ended. Please sign in again.");
  return null;
}
// Expiry is noticed while nothing is clicked, too, so that no account stays on an abandoned screen.
setInterval(token, 10_000);

/** Forgets the token and says why, if there was one to forget. */
export function end(message) {
  if (sessionStorage.getItem(TOKEN) === null) return;
  sessionStorage.removeItem(TOKEN);
  ended(message);
}

/** Signs out, here and, where the issuer has a page for it, there. */
export function signOut(settings) {
  end("");
  if (!settings?.end_session_endpoint) return;
  const url = new URL(settings.end_session_endpoint, location.origin);
  url.searchParams.set("client_id", settings.client_id);
  // OpenID Connect calls it one thing and Amazon Cognito another.
  url.searchParams.set("post_logout_redirect_uri", redirectUri());
  url.searchParams.set("logout_uri", redirectUri());
  location.assign(url);
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text) {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}
