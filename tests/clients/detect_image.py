import base64, requests
def detect_image_file(path: str, api_key: str) -> dict:
    with open(path, "rb") as f:
        b64 = base64.b64encode(f.read()).decode()
    resp = requests.post(
        "https://truthlens-api.fly.dev/v1/detect",
        headers={"Authorization": f"Bearer {api_key}"},
        json={
            "modality": "image",
            "input_type": "upload",
            "content": b64,
        },
        timeout=120,
    )
    resp.raise_for_status()
    return resp.json()
