//! What the file-backed S3 lacks: tags, telling of new objects, and keys that are no paths.

use super::object_names::stored;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Objects that are told of before somebody listens.
const WAITING: usize = 1024;

/// An object that was put into a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCreated {
    /// Which bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Grows with every object.
    pub sequencer: String,
}

/// The file-backed S3, with tags in a folder beside it.
pub(super) struct Tagged {
    files: FileSystem,
    tags: PathBuf,
    told: mpsc::Sender<ObjectCreated>,
    sequence: AtomicU64,
}

impl Tagged {
    /// Wraps `files`, and keeps tags in the folder `tags`. New objects come out of the channel.
    pub fn new(files: FileSystem, tags: PathBuf) -> (Self, mpsc::Receiver<ObjectCreated>) {
        let (told, created) = mpsc::channel(WAITING);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        (Self { files, tags, told, sequence: AtomicU64::new(started) }, created)
    }

    fn sidecar(&self, bucket: &str, key: &str) -> PathBuf {
        self.tags.join(hex::encode(Sha256::digest(format!("{bucket}/{key}"))))
    }

    async fn exists(&self, bucket: &str, key: &str) -> bool {
        // Looked up as a request does, which refuses paths that lead out of the bucket.
        let head = HeadObjectInput { bucket: bucket.to_owned(), key: stored(key), ..Default::default() };
        self.files.head_object(request(head)).await.is_ok()
    }

    /// Tells of an object; nobody may be listening. Its old tags go, as in S3.
    async fn tell(&self, bucket: String, key: String) {
        let _ = tokio::fs::remove_file(self.sidecar(&bucket, &key)).await;
        let head = HeadObjectInput { bucket: bucket.clone(), key: stored(&key), ..Default::default() };
        let length = self.files.head_object(request(head)).await.ok().and_then(|head| head.output.content_length);
        let size = length.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let sequencer = format!("{:016X}", self.sequence.fetch_add(1, Ordering::Relaxed));
        let _ = self.told.send(ObjectCreated { bucket, key, size, sequencer }).await;
    }
}

fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Default::default(),
        uri: Default::default(),
        headers: Default::default(),
        extensions: Default::default(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

/// Puts an object's path in the place of its key, which is given back.
fn locate(key: &mut String) -> String {
    let path = stored(key);
    std::mem::replace(key, path)
}

fn locate_source(source: &mut CopySource) {
    if let CopySource::Bucket { key, .. } = source {
        *key = stored(key).into();
    }
}

/// Passes operations on: those on buckets as they are, those on one object to where it lies.
macro_rules! pass_on {
    (
        buckets: { $($operation:ident: $input:ident => $output:ident),* $(,)? }
        objects: { $($on_object:ident: $object_input:ident => $object_output:ident),* $(,)? }
    ) => {
        #[async_trait::async_trait]
        impl S3 for Tagged {
            $(async fn $operation(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.files.$operation(request).await
            })*

            $(async fn $on_object(
                &self,
                mut request: S3Request<$object_input>,
            ) -> S3Result<S3Response<$object_output>> {
                locate(&mut request.input.key);
                self.files.$on_object(request).await
            })*

            async fn put_object(
                &self,
                mut request: S3Request<PutObjectInput>,
            ) -> S3Result<S3Response<PutObjectOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), locate(&mut request.input.key));
                let done = self.files.put_object(request).await?;
                self.tell(bucket, key).await;
                Ok(done)
            }

            async fn copy_object(
                &self,
                mut request: S3Request<CopyObjectInput>,
            ) -> S3Result<S3Response<CopyObjectOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), locate(&mut request.input.key));
                locate_source(&mut request.input.copy_source);
                let done = self.files.copy_object(request).await?;
                self.tell(bucket, key).await;
                Ok(done)
            }

            async fn create_multipart_upload(
                &self,
                mut request: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                let key = locate(&mut request.input.key);
                let mut done = self.files.create_multipart_upload(request).await?;
                done.output.key = Some(key);
                Ok(done)
            }

            async fn upload_part_copy(
                &self,
                mut request: S3Request<UploadPartCopyInput>,
            ) -> S3Result<S3Response<UploadPartCopyOutput>> {
                locate(&mut request.input.key);
                locate_source(&mut request.input.copy_source);
                self.files.upload_part_copy(request).await
            }

            async fn complete_multipart_upload(
                &self,
                mut request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), locate(&mut request.input.key));
                let mut done = self.files.complete_multipart_upload(request).await?;
                done.output.key = Some(key.clone());
                self.tell(bucket, key).await;
                Ok(done)
            }

            async fn delete_objects(
                &self,
                mut request: S3Request<DeleteObjectsInput>,
            ) -> S3Result<S3Response<DeleteObjectsOutput>> {
                let objects = request.input.delete.objects.iter_mut();
                let keys: HashMap<String, String> = objects
                    .map(|object| {
                        let key = locate(&mut object.key);
                        (object.key.clone(), key)
                    })
                    .collect();
                let mut done = self.files.delete_objects(request).await?;
                for deleted in done.output.deleted.iter_mut().flatten() {
                    deleted.key = deleted.key.as_ref().and_then(|path| keys.get(path)).cloned();
                }
                Ok(done)
            }

            async fn get_object_tagging(
                &self,
                request: S3Request<GetObjectTaggingInput>,
            ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
                let GetObjectTaggingInput { bucket, key, .. } = request.input;
                if !self.exists(&bucket, &key).await {
                    return Err(s3_error!(NoSuchKey));
                }
                let kept = tokio::fs::read(self.sidecar(&bucket, &key)).await.unwrap_or_default();
                let kept: Vec<(String, String)> = serde_json::from_slice(&kept).unwrap_or_default();
                let tag_set = kept.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect();
                Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
            }

            async fn put_object_tagging(
                &self,
                request: S3Request<PutObjectTaggingInput>,
            ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
                let PutObjectTaggingInput { bucket, key, tagging, .. } = request.input;
                if !self.exists(&bucket, &key).await {
                    return Err(s3_error!(NoSuchKey));
                }
                let tags: Vec<_> = tagging
                    .tag_set
                    .into_iter()
                    .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
                    .collect();
                let json = serde_json::to_vec(&tags).map_err(|_| s3_error!(InternalError))?;
                tokio::fs::write(self.sidecar(&bucket, &key), json).await.map_err(|_| s3_error!(InternalError))?;
                Ok(S3Response::new(PutObjectTaggingOutput::default()))
            }
        }
    };
}

pass_on! {
    buckets: {
        create_bucket: CreateBucketInput => CreateBucketOutput,
        delete_bucket: DeleteBucketInput => DeleteBucketOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        list_buckets: ListBucketsInput => ListBucketsOutput,
        // An object with a long key is listed by its path.
        list_objects: ListObjectsInput => ListObjectsOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    }
    objects: {
        get_object: GetObjectInput => GetObjectOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        upload_part: UploadPartInput => UploadPartOutput,
        list_parts: ListPartsInput => ListPartsOutput,
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
    }
}
