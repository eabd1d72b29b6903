curl -X POST https://truthlens-api.fly.dev/v1/detect \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"modality": "image",
"input_type": "url",
"url": "https://example.com/photo.jpg"
}'
