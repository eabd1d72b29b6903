import requests
API_KEY = "tl_live_xxxxxxxxxxxxxxxxxxxx"
BASE_URL = "https://truthlens-api.fly.dev"


def detect_text(text: str) -> dict:
    resp = requests.post(
        f"{BASE_URL}/v1/detect",
        headers={"Authorization": f"Bearer {API_KEY}"},
        json={
            "modality": "text",
            "input_type": "raw_text",
            "content": text,
        },
        timeout=120,
    )
    resp.raise_for_status()
    return resp.json()


result = detect_text("The quick brown fox jumps over the lazy dog.")
print(f"Verdict: {result['verdict']} ({result['confidence']:.0%})")
