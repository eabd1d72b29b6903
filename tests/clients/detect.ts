const API_KEY = "tl_live_xxxxxxxxxxxxxxxxxxxx";
async function detectText(text: string) {
  const res = await fetch("https://truthlens-api.fly.dev/v1/detect", {
    method: "POST",
    headers: {
      Authorization: `Bearer ${API_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      modality: "text",
      input_type: "raw_text",
      content: text,
    }),
    signal: AbortSignal.timeout(120_000),
  });
  if (!res.ok) {
    const err = await res.json();
    throw new Error(err.detail?.message ?? res.statusText);
  }
  return res.json();
}
const result = await detectText("Your content here…");
console.log(result.verdict, result.confidence);
