curl -X POST https://truthlens-api.fly.dev/v1/detect \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"modality": "text",
"input_type": "raw_text",
"content": "The proliferation of AI has engendered a paradigm shift..."
}'
