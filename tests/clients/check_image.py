import requests

API_KEY = "your_truthlens_api_key"
API_URL = "https://truthlensbyai.online/api/detect"

def check_image(image_path):
    with open(image_path, "rb") as f:
        response = requests.post(
            API_URL,
            headers={"Authorization": f"Bearer {API_KEY}"},
            files={"image": f}
        )
    result = response.json()

    if result["is_ai_generated"]:
        print(f"AI Generated! Confidence: {result["confidence"]}")
    else:
        print("Looks authentic.")

    return result

# Check a suspicious image
result = check_image("suspicious_photo.jpg")
