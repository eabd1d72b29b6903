//! Runs neural stages for jobs from SQS.
