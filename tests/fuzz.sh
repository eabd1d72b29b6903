#!/usr/bin/env bash
# Starts the product on a folder of its own and has schemathesis try its API: requests that fit the description and
# requests that do not, the same ones each time. Usage: tests/fuzz.sh SCHEMATHESIS
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT

target/release/truthlens serve --port 0 --data-dir "$folder/data" --pack .truthlens/models/compact \
  --rate-limit 1000000 >"$folder/out" 2>"$folder/err" &
server=$!
for _ in $(seq 100); do
  grep -q tl_live_ "$folder/out" && break
  kill -0 $server || { cat "$folder/err"; exit 1; }
  sleep 0.2
done
url=$(sed -n 's/.*listening on \([^,]*\),.*/\1/p' "$folder/err")
key=$(grep -o 'tl_live_[A-Za-z0-9]*' "$folder/out" | head -1)

data=(--data-dir "$folder/data")
owner=$(target/release/truthlens token --account fuzz "${data[@]}")
operator=$(target/release/truthlens token --operator "${data[@]}")

# As a client with a key, as an owner who signed in, and as a billing system: what each may not do is tried too.
# Not checked: that whatever fits the description is accepted. A text of no words and base64 of no image fit it, and are
# refused for what they say, not for their shape.
try() {
  "$schemathesis" run "$url/openapi.json" --header "Authorization: Bearer $1" --seed 2026 --phases examples,coverage,fuzzing \
    --exclude-checks positive_data_acceptance --request-timeout 60 "${@:2}"
}
schemathesis=$1
try "$key" --max-examples 40 --exclude-path-regex '^/v1/(keys|operator)'
try "$owner" --max-examples 30 --include-path-regex '^/v1/(keys|account|operator)'
try "$operator" --max-examples 30 --include-path-regex '^/v1/operator'
