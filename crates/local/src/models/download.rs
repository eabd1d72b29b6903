//! Downloads that resume: into `NAME.part`, checked, synced, and only then renamed.

use super::disk::{beside, remove};
use super::progress::{Progress, Transfer};
use super::verify::sha256;
use super::{ModelsError, off_thread};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::OpenOptions;
use tokio::io::{AsyncWriteExt, BufWriter};

/// How often a download that gains no byte is tried.
const ATTEMPTS: u32 = 5;
/// The first pause between attempts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Where a file may be had.
pub(super) struct Remote {
    pub(super) url: Url,
    pub(super) token: Option<String>,
}

/// What is known of a file before it comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Pin {
    pub(super) size: Size,
    pub(super) sha256: Option<String>,
}

/// What is known of its size, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Size {
    Exactly(u64),
    AtMost(u64),
    #[default]
    Unknown,
}

/// An attempt ended early.
enum Stop {
    /// Another attempt may go on from here.
    Passing(String),
    Final(ModelsError),
}

impl From<ModelsError> for Stop {
    fn from(error: ModelsError) -> Self {
        Self::Final(error)
    }
}

/// One file being fetched to `target`.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) remote: Remote,
    pub(super) pin: Pin,
    pub(super) target: &'a Path,
    /// What messages call the file.
    pub(super) name: &'a str,
    pub(super) progress: Progress,
}

impl Download<'_> {
    /// Fetches the file, going on with what an earlier run left, and gives its SHA-256.
    pub(super) async fn run(&self) -> Result<String, ModelsError> {
        let mut bar = self.progress.transfer(self.name);
        let resumed = self.have() > 0;
        self.attempts(&mut bar).await?;
        let digest = match self.accept().await {
            // What an earlier run left may be of another version of the file.
            Err(ModelsError::Digest { .. } | ModelsError::Size { .. }) if resumed => {
                bar.note(&format!("{}: what was here does not fit; starting again", self.name));
                self.attempts(&mut bar).await?;
                self.accept().await?
            }
            other => other?,
        };
        bar.finish();
        Ok(digest)
    }

    async fn attempts(&self, bar: &mut Transfer) -> Result<(), ModelsError> {
        let (mut failures, mut had) = (0, self.have());
        loop {
            let reason = match self.attempt(bar).await {
                Ok(()) => return Ok(()),
                Err(Stop::Final(error)) => return Err(error),
                Err(Stop::Passing(reason)) => reason,
            };
            failures = if self.have() > had { 1 } else { failures + 1 };
            had = self.have();
            if failures == ATTEMPTS {
                return Err(ModelsError::Network { origin: self.origin(), reason });
            }
            bar.note(&format!("{}: {reason}; trying again", self.name));
            tokio::time::sleep(FIRST_PAUSE * 2u32.pow(failures - 1)).await;
        }
    }

    /// One request, streamed to the part file.
    async fn attempt(&self, bar: &mut Transfer) -> Result<(), Stop> {
        let request = self.request()?;
        let have = self.have();
        if matches!(self.pin.size, Size::Exactly(bytes) if bytes == have) {
            return Ok(());
        }
        let response = request.send().await.map_err(passing)?;
        let start = match response.status() {
            StatusCode::PARTIAL_CONTENT if have > 0 && starts_at(response.headers(), have) => have,
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.discard()?;
                return Err(Stop::Passing("the server cannot go on from here".to_owned()));
            }
            status if status.is_server_error() || matches!(status.as_u16(), 408 | 429) => {
                return Err(Stop::Passing(format!("the server answered {status}")));
            }
            status => return Err(ModelsError::Refused { origin: self.origin(), status: status.as_u16() }.into()),
        };
        let announced = response.content_length().map(|rest| start + rest);
        self.check_announced(announced)?;
        self.remember_version(response.headers())?;
        bar.begin(start, announced);
        self.stream(response, start, announced, bar).await
    }

    async fn stream(
        &self,
        mut response: Response,
        start: u64,
        announced: Option<u64>,
        bar: &mut Transfer,
    ) -> Result<(), Stop> {
        let part = self.part();
        let disk = || ModelsError::disk(&part);
        let file = OpenOptions::new().append(true).create(true).open(&part).await.map_err(disk())?;
        file.set_len(start).await.map_err(disk())?;
        let (mut file, mut position) = (BufWriter::with_capacity(1 << 18, file), start);
        let ended = loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(error) => break Err(passing(error)),
            };
            position += chunk.len() as u64;
            if let Some(limit) = self.limit().or(announced).filter(|limit| position > *limit) {
                drop(file);
                self.discard()?;
                return Err(self.too_large(limit).into());
            }
            file.write_all(&chunk).await.map_err(disk())?;
            bar.advance(position);
        };
        file.flush().await.map_err(disk())?;
        file.get_ref().sync_all().await.map_err(disk())?;
        match (ended, self.pin.size) {
            (Ok(()), Size::Exactly(bytes)) if position < bytes && announced.is_none() => {
                Err(Stop::Passing(format!("the connection ended after {position} of {bytes} bytes")))
            }
            (ended, _) => ended,
        }
    }

    /// The GET, with a range if a part is there and can be told to be of the same version of the file: by its
    /// entity tag, or by the pinned digest in the end.
    fn request(&self) -> Result<RequestBuilder, ModelsError> {
        let mut request = self.client.get(self.remote.url.clone());
        if let Some(token) = &self.remote.token {
            request = request.bearer_auth(token);
        }
        let version = fs::read_to_string(self.version()).ok();
        if self.limit().is_some_and(|limit| self.have() > limit) || (version.is_none() && self.pin.sha256.is_none()) {
            self.discard()?;
        }
        match self.have() {
            0 => return Ok(request),
            have => request = request.header(RANGE, format!("bytes={have}-")),
        }
        Ok(match version {
            Some(tag) => request.header(IF_RANGE, tag),
            None => request,
        })
    }

    /// Refuses a file whose announced size cannot be right, before a byte of it is written.
    fn check_announced(&self, announced: Option<u64>) -> Result<(), ModelsError> {
        match (announced, self.pin.size) {
            (Some(found), Size::Exactly(expected)) if found != expected => {
                self.discard()?;
                Err(ModelsError::Size { file: self.name.to_owned(), origin: self.origin(), expected, found })
            }
            (Some(found), Size::AtMost(limit)) if found > limit => {
                self.discard()?;
                Err(self.too_large(limit))
            }
            _ => Ok(()),
        }
    }

    /// Gives the part its final name if it is what was pinned; throws it away otherwise.
    async fn accept(&self) -> Result<String, ModelsError> {
        let (part, have) = (self.part(), self.have());
        let found = off_thread({
            let part = part.clone();
            move || sha256(&part)
        })
        .await?;
        let (file, origin) = (self.name.to_owned(), self.origin());
        let wrong = match (&self.pin.sha256, self.pin.size) {
            (_, Size::Exactly(expected)) if expected != have => {
                Some(ModelsError::Size { file, origin, expected, found: have })
            }
            (Some(expected), _) if *expected != found => {
                Some(ModelsError::Digest { file, origin, expected: expected.clone(), found: found.clone() })
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.discard()?;
            return Err(wrong);
        }
        fs::rename(&part, self.target).map_err(ModelsError::disk(self.target))?;
        self.discard()?;
        Ok(found)
    }

    /// Keeps a strong entity tag beside the part; a weak one proves nothing about bytes (RFC 9110, 8.8.1).
    fn remember_version(&self, headers: &HeaderMap) -> Result<(), ModelsError> {
        let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
        let path = self.version();
        match tag {
            Some(tag) => fs::write(&path, tag).map_err(ModelsError::disk(&path)),
            None => remove(&path),
        }
    }

    fn discard(&self) -> Result<(), ModelsError> {
        remove(&self.part())?;
        remove(&self.version())
    }

    /// Bytes that are there.
    fn have(&self) -> u64 {
        self.part().metadata().map_or(0, |metadata| metadata.len())
    }

    fn part(&self) -> PathBuf {
        beside(self.target, ".part")
    }

    fn version(&self) -> PathBuf {
        beside(self.target, ".part.etag")
    }

    fn limit(&self) -> Option<u64> {
        match self.pin.size {
            Size::Exactly(bytes) | Size::AtMost(bytes) => Some(bytes),
            Size::Unknown => None,
        }
    }

    fn too_large(&self, limit: u64) -> ModelsError {
        ModelsError::TooLarge { file: self.name.to_owned(), origin: self.origin(), limit }
    }

    /// The address without what may be secret: user, password and query.
    fn origin(&self) -> String {
        let url = &self.remote.url;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
    }
}

fn starts_at(headers: &HeaderMap, position: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {position}-")))
}

/// The innermost cause says most: "connection refused" rather than "error sending request".
fn passing(error: reqwest::Error) -> Stop {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Stop::Passing(cause.to_string())
}
