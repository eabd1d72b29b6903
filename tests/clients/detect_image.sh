# Encode image to base64 (macOS / Linux)
B64=$(base64 -i photo.jpg)
curl -X POST https://truthlens-api.fly.dev/v1/detect \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d "{
\"modality\": \"image\",
\"input_type\": \"upload\",
\"content\": \"$B64\"
}"
