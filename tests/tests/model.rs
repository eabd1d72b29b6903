//! Random sequences of requests, right and wrong, from several accounts, against a model of quota, rate and history.

use api::Settings;
use end_to_end::product::data;
use end_to_end::{Stack, packs, texts};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::{Client, Method};
use scan::Plan;
use serde_json::{Value, json};
use service::{DetectSettings, Rates};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use time::OffsetDateTime;

const CASES: u32 = 12;
const RATES: Rates = Rates { detect: 25, batch: 6, uploads: 5 };
const PLANS: [Plan; 3] = [Plan::Free, Plan::Free, Plan::Pro];

#[derive(Debug, Clone)]
enum Step {
    /// A scan; `key` repeats now and then, with the same content or another.
    Detect {
        content: Content,
        key: Option<u8>,
    },
    Batch {
        items: Vec<Content>,
    },
    Usage,
    List {
        limit: usize,
    },
    /// The nth newest scan of any account, asked for by this one.
    Get {
        of: usize,
        nth: usize,
    },
    Erase {
        of: usize,
        nth: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Content {
    Good,
    Short,
    Video,
}

impl Content {
    fn json(self) -> Value {
        let text = |content: &str| json!({"modality": "text", "input_type": "raw_text", "content": content});
        match self {
            Content::Good => text(texts::HUMAN),
            Content::Short => text("one two"),
            Content::Video => json!({"modality": "video", "input_type": "upload", "content": "AAAA"}),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let content = || prop_oneof![4 => Just(Content::Good), 1 => Just(Content::Short), 1 => Just(Content::Video)];
    let step = prop_oneof![
        6 => (content(), proptest::option::of(0u8..3)).prop_map(|(content, key)| Step::Detect { content, key }),
        3 => proptest::collection::vec(content(), 1..24).prop_map(|items| Step::Batch { items }),
        1 => Just(Step::Usage),
        1 => (1usize..40).prop_map(|limit| Step::List { limit }),
        1 => (0..PLANS.len(), 0usize..4).prop_map(|(of, nth)| Step::Get { of, nth }),
        1 => (0..PLANS.len(), 0usize..4).prop_map(|(of, nth)| Step::Erase { of, nth }),
    ];
    proptest::collection::vec((0..PLANS.len(), step), 1..60)
}

/// What an account should look like.
#[derive(Default)]
struct Model {
    used: u64,
    detects: u64,
    batches: u64,
    /// Newest first.
    scans: Vec<String>,
    keys: HashMap<u8, (Content, String)>,
}

struct Harness {
    stack: Stack,
    url: String,
    client: Client,
    accounts: AtomicUsize,
}

impl Harness {
    async fn start() -> Self {
        let folder = data();
        let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
        let detect = DetectSettings { rates: RATES, ..DetectSettings::default() };
        let url = stack.serve(Settings { detect, wait_budget: Duration::ZERO, ..Settings::default() }).await;
        Self { stack, url, client: Client::new(), accounts: AtomicUsize::new(0) }
    }

    async fn ask(&self, key: &str, method: Method, path: &str, body: Option<Value>, once: Option<u8>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(once) = once {
            request = request.header("idempotency-key", format!("key-{once}"));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Rates are counted by the clock minute; a case has to fit one.
    async fn wait_for_room_in_the_minute(&self) {
        let second = OffsetDateTime::now_utc().second();
        if second > 45 {
            tokio::time::sleep(Duration::from_secs(u64::from(61 - second))).await;
        }
    }

    async fn check(&self, steps: Vec<(usize, Step)>) {
        self.wait_for_room_in_the_minute().await;
        let mut keys = Vec::new();
        for plan in PLANS {
            let name = format!("account-{}", self.accounts.fetch_add(1, Ordering::Relaxed));
            keys.push(self.stack.key(&self.stack.account(&name, plan).await).await);
        }
        let mut models: Vec<Model> = PLANS.iter().map(|_| Model::default()).collect();
        for (who, step) in steps {
            self.step(&keys[who], who, step, &mut models).await;
        }
        for (key, (model, plan)) in keys.iter().zip(models.iter().zip(PLANS)) {
            let (_, usage) = self.ask(key, Method::GET, "/v1/usage", None, None).await;
            assert_eq!(usage["scans"]["used"], model.used);
            assert_eq!(usage["scans"]["limit"], json!(plan.monthly_quota()));
            let (_, list) = self.ask(key, Method::GET, "/v1/scans?limit=100", None, None).await;
            let newest: Vec<_> = model.scans.iter().take(100).cloned().collect();
            assert_eq!(ids(&list), newest);
        }
    }

    async fn step(&self, key: &str, who: usize, step: Step, models: &mut [Model]) {
        match step {
            Step::Detect { content, key: once } => {
                let found = self.ask(key, Method::POST, "/v1/detect", Some(content.json()), once).await;
                models[who].detect(PLANS[who], content, once, found);
            }
            Step::Batch { items } => {
                let body = json!({"items": items.iter().map(|item| item.json()).collect::<Vec<_>>()});
                let found = self.ask(key, Method::POST, "/v1/detect/batch", Some(body), None).await;
                models[who].batch(PLANS[who], &items, found);
            }
            Step::Usage => {
                let (_, usage) = self.ask(key, Method::GET, "/v1/usage", None, None).await;
                assert_eq!(usage["scans"]["used"], models[who].used);
            }
            Step::List { limit } => {
                let (_, list) = self.ask(key, Method::GET, &format!("/v1/scans?limit={limit}"), None, None).await;
                assert_eq!(ids(&list), models[who].scans.iter().take(limit).cloned().collect::<Vec<_>>());
                assert_eq!(list["has_more"], models[who].scans.len() > limit);
            }
            Step::Get { of, nth } => {
                let Some(id) = models[of].scans.get(nth) else { return };
                let (status, _) = self.ask(key, Method::GET, &format!("/v1/scans/{id}"), None, None).await;
                assert_eq!(status, if of == who { 200 } else { 404 });
            }
            Step::Erase { of, nth } => {
                let Some(id) = models[of].scans.get(nth).cloned() else { return };
                let (status, _) = self.ask(key, Method::DELETE, &format!("/v1/scans/{id}"), None, None).await;
                assert_eq!(status, if of == who { 204 } else { 404 });
                if of == who {
                    models[of].scans.remove(nth);
                }
            }
        }
    }
}

impl Model {
    fn has_room(&self, plan: Plan, scans: u64) -> bool {
        plan.monthly_quota().is_none_or(|limit| self.used + scans <= limit)
    }

    fn detect(&mut self, plan: Plan, content: Content, once: Option<u8>, (status, found): (u16, Value)) {
        if self.detects == RATES.detect {
            return assert_eq!(status, 429);
        }
        self.detects += 1;
        match once.and_then(|once| self.keys.get(&once)) {
            Some((first, _)) if *first != content => return assert_eq!(status, 422, "{found}"),
            // The scan that the key stands for may have been erased since.
            Some((_, id)) if !self.scans.contains(id) => return assert_eq!(status, 404, "{found}"),
            Some((_, id)) => return assert_eq!((status, &found["id"]), (200, &json!(id))),
            None => {}
        }
        match content {
            Content::Good if !self.has_room(plan, 1) => assert_eq!(status, 402),
            Content::Good => {
                assert_eq!(status, 200, "{found}");
                let id = found["id"].as_str().unwrap().to_owned();
                self.used += 1;
                self.scans.insert(0, id.clone());
                once.map(|once| self.keys.insert(once, (content, id)));
            }
            Content::Short | Content::Video => assert_eq!(status, 422),
        }
    }

    fn batch(&mut self, plan: Plan, items: &[Content], (status, found): (u16, Value)) {
        if self.batches == RATES.batch {
            return assert_eq!(status, 429);
        }
        self.batches += 1;
        if !self.has_room(plan, items.len() as u64) {
            return assert_eq!(status, 402);
        }
        assert_eq!(status, 200, "{found}");
        let results = found["results"].as_array().unwrap();
        let mut made = Vec::new();
        for (item, result) in items.iter().zip(results) {
            assert_eq!(result["success"], *item == Content::Good);
            made.extend(result["result"]["id"].as_str().map(str::to_owned));
        }
        self.used += made.len() as u64;
        // Made side by side: newest first is by id.
        made.sort_unstable_by(|a, b| b.cmp(a));
        self.scans.splice(0..0, made);
    }
}

fn ids(list: &Value) -> Vec<String> {
    list["scans"].as_array().unwrap().iter().map(|scan| scan["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_product_and_its_model_agree() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let harness = runtime.block_on(Harness::start());
    let config = Config { cases: CASES, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let checked = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(harness.check(steps));
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
