//! What is kept where: one type per DynamoDB table, SQS queue and S3 bucket.
