//! A pack in a bucket, streamed: several parts of a file are under way at a time, and are read in order.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use engine::Remote;
use futures::{StreamExt, stream};
use std::io::{self, Read};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Bytes of a part. S3's advice for ranged reads is 8 to 16 MB (Amazon S3 User Guide, "Performance design patterns").
const PART: u64 = 8 << 20;
/// Parts under way at a time, and read ahead.
const PARALLEL: usize = 8;

/// A pack below a prefix of a bucket. Its files are opened from threads that may block.
#[derive(Debug, Clone)]
pub struct PackBucket {
    client: Client,
    bucket: String,
    prefix: String,
    runtime: Handle,
}

impl PackBucket {
    /// The pack at `s3://bucket/prefix`; requests are made on `runtime`.
    pub fn new(client: Client, bucket: String, prefix: String, runtime: Handle) -> Self {
        Self { client, bucket, prefix, runtime }
    }

    /// Size and version of an object.
    async fn find(&self, key: &str) -> io::Result<(u64, String)> {
        let head = self.client.head_object().bucket(&self.bucket).key(key).send().await;
        let head = head.map_err(|error| match error.as_service_error() {
            Some(HeadObjectError::NotFound(_)) => io::Error::new(io::ErrorKind::NotFound, format!("no object {key}")),
            _ => io::Error::other(error),
        })?;
        let bytes = head.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        Ok((bytes, head.e_tag().unwrap_or_default().to_owned()))
    }

    /// Some bytes of the version that was found.
    async fn part(&self, key: &str, version: &str, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let get = self.client.get_object().bucket(&self.bucket).key(key).if_match(version);
        let object = get.range(format!("bytes={from}-{}", to - 1)).send().await.map_err(io::Error::other)?;
        let bytes = object.body.collect().await.map_err(io::Error::other)?.to_vec();
        if bytes.len() as u64 == to - from { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Remote for PackBucket {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read>> {
        let key = format!("{}/{path}", self.prefix).trim_start_matches('/').to_owned();
        let (bytes, version) = self.runtime.block_on(self.find(&key))?;
        let (sender, parts) = mpsc::channel(PARALLEL);
        let this = self.clone();
        self.runtime.spawn(async move {
            let ranges = (0..bytes.div_ceil(PART)).map(|i| (i * PART, ((i + 1) * PART).min(bytes)));
            let mut parts =
                stream::iter(ranges).map(|(from, to)| this.part(&key, &version, from, to)).buffered(PARALLEL);
            while let Some(part) = parts.next().await {
                // The reader may have gone away.
                if sender.send(part).await.is_err() {
                    break;
                }
            }
        });
        Ok(Box::new(Parts { parts, current: io::Cursor::default() }))
    }
}

struct Parts {
    parts: mpsc::Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.current.read(buffer)? {
                0 if !buffer.is_empty() => match self.parts.blocking_recv() {
                    Some(part) => self.current = io::Cursor::new(part?),
                    None => return Ok(0),
                },
                n => return Ok(n),
            }
        }
    }
}
