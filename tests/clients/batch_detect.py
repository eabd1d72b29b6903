import requests
BASE_URL = "https://truthlens-api.fly.dev"


def batch_detect(texts: list[str], api_key: str) -> list[dict]:
    items = [
        {"modality": "text", "input_type": "raw_text", "content": t}
        for t in texts
    ]
    resp = requests.post(
        f"{BASE_URL}/v1/detect/batch",
        headers={"Authorization": f"Bearer {api_key}"},
        json={"items": items},
        timeout=300,
    )
    resp.raise_for_status()
    data = resp.json()
    return [
        r["result"] if r["success"] else {"error": r["error"]}
        for r in sorted(data["results"], key=lambda x: x["index"])
    ]
