"""What `sam package` does: zips the functions, uploads them, and names the zips in the template."""

import re
import zipfile

BUCKET = "rehearsal-artifacts"
CODE = re.compile(r"CodeUri: target/package/(\w+)/")
NESTED = re.compile(r"TemplateURL: (infra/[\w-]+\.yaml)")
# Functions that judge need the manifest; inference, the whole pack.
WITH_MANIFEST = {"api", "intake", "finalize"}
WITH_PACK = {"inference"}


def build(folder, binaries, pack, without):
    """A zip per function, laid out as `make package` lays out target/package; those `without` a program cannot run."""
    zips = {}
    for name in ("api", "intake", "finalize", "publish", "inference"):
        files = {} if name in without else {"bootstrap": binaries / name}
        if name in WITH_MANIFEST:
            files["pack.toml"] = pack / "pack.toml"
        if name in WITH_PACK:
            files |= {str(path.relative_to(pack)): path for path in pack.rglob("*") if path.is_file()}
        zips[name] = folder / f"{name}.zip"
        # Not compressed: nothing leaves this machine.
        with zipfile.ZipFile(zips[name], "w") as zipped:
            for member, path in files.items():
                zipped.write(path, member)
    return zips


def template(aws, path, zips):
    """Uploads the zips and the templates, and returns the URL of the template that names them."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, zipped in zips.items():
        s3.upload_file(str(zipped), BUCKET, f"{name}.zip")
    text, count = CODE.subn(lambda match: f"CodeUri: s3://{BUCKET}/{match[1]}.zip", path.read_text())
    assert count == len(zips), f"{path} names {count} functions, not {len(zips)}"
    for nested in set(NESTED.findall(text)):
        s3.upload_file(str(path.parent / nested), BUCKET, nested)
    text = NESTED.sub(lambda match: f"TemplateURL: {aws.endpoint}/{BUCKET}/{match[1]}", text)
    s3.put_object(Bucket=BUCKET, Key=path.name, Body=text.encode())
    return f"{aws.endpoint}/{BUCKET}/{path.name}"
