"""What a thousand scans cost on AWS with the compact pack, from public prices: `python infra/cost.py`.

Prices are those of us-east-1 without free tiers, as published in 2025; look them up again before you rely on them.
Times are what `make bench` printed (README.md, "How fast it is") on two cores; 3538 MB of Lambda are two vCPUs.
Starting a function is not in them.
"""

MILLION = 1_000_000

LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.20 / MILLION
HTTP_REQUEST = 1.00 / MILLION
SQS_REQUEST = 0.40 / MILLION
EVENT = 1.00 / MILLION
DYNAMODB_WRITE = 0.625 / MILLION
DYNAMODB_READ = 0.125 / MILLION
S3_PUT = 0.005 / 1000
S3_GET = 0.0004 / 1000
LOG_GB = 0.50

API_GB, INFERENCE_GB, SMALL_GB = 1769 / 1024, 3538 / 1024, 256 / 1024
SMALL_SECONDS = 0.02  # finalize and publish, each: a few writes
LOG_BYTES = 4096  # of all functions together, and the access log

# What: seconds of the request, seconds of each stage's job, whether content is parked in S3.
SCANS = {
    "text, 50 words": (0.342, [0.025, 0.256], False),
    "text, 300 words": (1.274, [0.081, 0.925], False),
    "text, 1,000 words": (3.298, [0.212, 2.943], False),
    # Decoding, metadata, spectrum, views, classifier; and the wait for the next look at the scan.
    "image, 12 megapixels": (0.150, [0.007], True),
}


def parts(request, jobs, parked):
    """Dollars a scan, by service."""
    looks = 4 + request / 0.25  # the pause between two looks grows to 250 ms
    queued = len(jobs) + 1  # and the deadline
    compute = request * API_GB + sum(jobs) * INFERENCE_GB + 2 * SMALL_SECONDS * SMALL_GB
    return {
        "Lambda": compute * LAMBDA_GB_SECOND + (1 + queued + 1) * LAMBDA_REQUEST,
        # Rate; a scan of two units and its audit entry, charged and stored in a transaction, which is double; recorded for
        # each stage; ended with an audit entry in a transaction. Key, account and quota are read.
        "DynamoDB": (1 + 2 * (2 + 1 + 1) + 2 * len(jobs) + 2 * (2 + 1)) * DYNAMODB_WRITE + (3 + looks) * DYNAMODB_READ,
        "SQS": 3 * queued * SQS_REQUEST,
        "other": HTTP_REQUEST + EVENT + LOG_BYTES / 2**30 * LOG_GB + (S3_PUT + S3_GET if parked else 0),
    }


def main():
    names = ["Lambda", "DynamoDB", "SQS", "other"]
    print(f"| 1,000 scans of | {' | '.join(names)} | together |")
    print(f"|---|{'---|' * (len(names) + 1)}")
    for what, scan in SCANS.items():
        dollars = {name: 1000 * cost for name, cost in parts(*scan).items()}
        cells = [f"${dollars[name]:.3f}" for name in names] + [f"**${sum(dollars.values()):.2f}**"]
        print(f"| {what} | {' | '.join(cells)} |")


main()
