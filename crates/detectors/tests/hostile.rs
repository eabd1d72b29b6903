//! Files that mean harm, each answered in bounded time and memory: a picture or a refusal, never a panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests")]

mod containers;

use containers::{encoded, picture, riff, with_chunks, with_segments};
use detectors::image::{DecodeError, Limits, decode, frequency, metadata, sniff, squares};
use image::RgbImage;
use std::time::{Duration, Instant};

/// The most that one file may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// All that is done to an uploaded image.
fn scan(name: &str, bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    let started = Instant::now();
    if let Some(format) = sniff(bytes) {
        let provenance = metadata::provenance(bytes, format, None);
        assert_eq!(metadata::reading(&provenance).windows.len(), 1, "{name}");
    }
    let size = decode(bytes, &Limits::default()).map(|picture| {
        let reading = frequency::measure(&picture.rgb);
        assert!(reading.windows[0].features.values().all(|value| value.is_finite()), "{name}");
        assert_eq!(squares(&picture.rgb, 64, 3).unwrap().size(), 64, "{name}");
        (picture.width(), picture.height())
    });
    let took = started.elapsed();
    if took > PATIENCE / 20 {
        println!("{name} took {took:?}");
    }
    assert!(took < PATIENCE, "{name} took {took:?}");
    size
}

/// One valid file of each format, with metadata where the format has a place for it.
fn valid() -> Vec<(&'static str, Vec<u8>)> {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    let image = picture(48, 40);
    let xmp = b"<x:xmpmeta><rdf:Description xmp:CreatorTool='Any'/></x:xmpmeta>";
    let png = with_chunks(&encoded(&image, Png), &[(b"eXIf", &tiff()), (b"tEXt", b"parameters\0Steps: 1")]);
    let jpeg = with_segments(&encoded(&image, Jpeg), &[(0xe1, &[b"Exif\0\0", &tiff()[..]].concat()), (0xfe, b"Hello")]);
    let jpeg = with_segments(&jpeg, &[(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", &xmp[..]].concat())]);
    [("png", png), ("jpeg", jpeg)]
        .into_iter()
        .chain([("webp", WebP), ("gif", Gif), ("bmp", Bmp)].map(|(name, format)| (name, encoded(&image, format))))
        .collect()
}

/// A little-endian TIFF with a maker and a model.
fn tiff() -> Vec<u8> {
    let entries = [(0x010f_u16, b"Abc\0"), (0x0110, b"X-1\0")];
    let mut tiff = [&b"II*\0\x08\0\0\0"[..], &2_u16.to_le_bytes()].concat();
    for (tag, text) in entries {
        tiff.extend([&tag.to_le_bytes()[..], &2_u16.to_le_bytes(), &4_u32.to_le_bytes(), text].concat());
    }
    tiff.extend([0; 4]);
    tiff
}

/// Numbers that are the same on every run (a linear congruence).
fn random() -> impl FnMut() -> u32 {
    let mut state = 0x1234_5678_9abc_def0_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    }
}

/// One colour, one bit a pixel: 112 MB of pixels in some hundred KB for 30,000 a side.
fn one_colour_png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0; side.div_ceil(8) as usize];
    for _ in 0..side {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

#[test]
fn truncated_files_and_flipped_bits() {
    let mut random = random();
    for (name, bytes) in valid() {
        assert_eq!(scan(name, &bytes).unwrap(), (48, 40), "{name}");
        for end in (0..bytes.len()).step_by((bytes.len() / 300).max(1)) {
            _ = scan(name, &bytes[..end]);
        }
        for _ in 0..500 {
            let mut bytes = bytes.clone();
            for _ in 0..=random() % 4 {
                let at = random() as usize % bytes.len();
                bytes[at] ^= 1 << (random() % 8);
            }
            _ = scan(name, &bytes);
        }
    }
}

#[test]
fn random_bytes_after_valid_beginnings() {
    let mut random = random();
    let valid = valid();
    let starts = valid.iter().flat_map(|(name, bytes)| [4, 12, 26, 60, 200].map(|at| (*name, &bytes[..at])));
    for (name, start) in starts {
        for length in [0, 1, 10, 1000, 100_000] {
            let noise: Vec<u8> = (0..length).map(|_| random() as u8).collect();
            _ = scan(name, &[start, &noise].concat());
        }
    }
}

#[test]
fn declared_sizes_that_cannot_be() {
    let [png, gif, bmp] = [0, 3, 4].map(|i| valid().swap_remove(i).1);
    let jpeg = encoded(&picture(48, 40), image::ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    for side in [0, 1, 31, 65_535, 1 << 24, i32::MAX as u32, u32::MAX] {
        let [big, little] = [side.to_be_bytes(), side.to_le_bytes()];
        let mut header = [b"IHDR", &big[..], &big, &png[24..29]].concat();
        header.extend(crc32fast::hash(&header).to_be_bytes());
        let refused = [
            scan("png", &[&png[..12], &header, &png[33..]].concat()),
            scan("jpeg", &[&jpeg[..frame + 5], &big[2..], &big[2..], &jpeg[frame + 9..]].concat()),
            scan("gif", &[&gif[..6], &little[..2], &little[..2], &gif[10..]].concat()),
            scan("bmp", &[&bmp[..18], &little, &little, &bmp[26..]].concat()),
        ];
        for (i, result) in refused.into_iter().enumerate() {
            assert!(result.is_err(), "{i}: {side} gave {result:?}");
        }
    }
    let message = scan("bomb", &one_colour_png(30_000)).unwrap_err();
    assert_eq!(message, DecodeError::TooManyPixels { width: 30_000, height: 30_000, limit: 100_000_000 });
}

#[test]
fn bombs_within_the_limits() {
    assert_eq!(scan("9,000 a side", &one_colour_png(9_000)), Ok((9_000, 9_000)));
    // A frame that is larger than its canvas.
    let lossless = encoded(&RgbImage::new(64, 64).into(), image::ImageFormat::WebP);
    let mut frame = lossless[20..].to_vec();
    let header = u32::from_le_bytes([frame[1], frame[2], frame[3], frame[4]]) | 0x0fff_ffff;
    frame[1..5].copy_from_slice(&header.to_le_bytes());
    let canvas = [0, 0, 0, 0, 63, 0, 0, 63, 0, 0];
    assert!(scan("vp8l", &riff(&[(b"VP8L", &frame)])).is_err());
    assert!(scan("vp8x and vp8l", &riff(&[(b"VP8X", &canvas), (b"VP8L", &frame)])).is_err());
    // A lossy key frame of 16,383 pixels a side and nothing but zeros.
    let mut frame = vec![0x10, 0x00, 0x10, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f];
    frame.resize(1 << 20, 0);
    assert!(scan("vp8", &riff(&[(b"VP8 ", &frame)])).is_err());
    _ = scan("vp8x and vp8", &riff(&[(b"VP8X", &canvas), (b"VP8 ", &frame)]));
}

#[test]
fn texts_that_explode() {
    let png = encoded(&picture(48, 40), image::ImageFormat::Png);
    let jpeg = encoded(&picture(48, 40), image::ImageFormat::Jpeg);
    // 64 MB each, and many that come to a megabyte before they turn out broken.
    let large = fdeflate::compress_to_vec(&vec![b' '; 64 << 20]);
    let mut broken = fdeflate::compress_to_vec(&vec![b' '; 1 << 20]);
    let last = broken.len() - 1;
    broken[last] ^= 1;
    for (name, packed) in [("large", large), ("broken", broken)] {
        for (kind, start) in [
            (b"zTXt", &b"parameters\0\0"[..]),
            (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"),
            (b"iTXt", b"a\0\x01\0\0\0"),
        ] {
            let bomb = [start, &packed].concat();
            let many = vec![(kind, &bomb[..]); (18 << 20) / bomb.len()];
            assert_eq!(scan(name, &with_chunks(&png, &many)), Ok((48, 40)), "{name}");
        }
    }
    let tiny = vec![(b"tEXt", &b"a\0b"[..]); 1_000_000];
    assert_eq!(scan("a million texts", &with_chunks(&png, &tiny)), Ok((48, 40)));
    let comments = vec![(0xfe, &b"b"[..]); 1_000_000];
    assert_eq!(scan("a million comments", &with_segments(&jpeg, &comments)), Ok((48, 40)));
    assert!(scan("fill bytes", &[&jpeg[..2], &vec![0xff; 18 << 20][..]].concat()).is_err());
}

#[test]
fn xml_that_explodes() {
    let png = encoded(&picture(48, 40), image::ImageFormat::Png);
    let xmp =
        |packet: &str| with_chunks(&png, &[(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", packet.as_bytes()].concat())]);
    let entities: String =
        (1..30).map(|i| format!("<!ENTITY l{i} '&l{j};&l{j};&l{j};&l{j};&l{j};&l{j};'>", j = i - 1)).collect();
    let laughs = format!("<!DOCTYPE x [<!ENTITY l0 'ha'>{entities}]><xmp:CreatorTool>&l29;</xmp:CreatorTool>");
    assert_eq!(scan("billion laughs", &xmp(&laughs)), Ok((48, 40)));
    let system = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><CreatorTool>a&e;b</CreatorTool>";
    let provenance = metadata::provenance(&xmp(system), scan::image::ImageFormat::Png, None);
    assert_eq!(provenance.software.as_deref(), Some("ab"));
    assert_eq!(scan("deep", &xmp(&"<CreatorTool>".repeat(70_000))), Ok((48, 40)));
    assert_eq!(scan("wide", &xmp(&format!("<a {}/>", "CreatorTool='x' ".repeat(60_000)))), Ok((48, 40)));
}

#[test]
fn directories_that_loop() {
    let png = encoded(&picture(48, 40), image::ImageFormat::Png);
    let entry = |tag: u16, value: u32| {
        [&tag.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let directory = |entries: &[Vec<u8>], next: u32| {
        [b"II*\0\x08\0\0\0", &(entries.len() as u16).to_le_bytes()[..], &entries.concat(), &next.to_le_bytes()].concat()
    };
    // To itself by every pointer there is; many overlapping ones; beyond the end.
    let itself = directory(&[entry(0x8769, 8), entry(0x8825, 8), entry(0xa005, 8)], 8);
    let overlapping: Vec<Vec<u8>> = (0..5_000).map(|i| entry(0x8769, 8 + i)).collect();
    let beyond = directory(&[entry(0x8769, u32::MAX), entry(0x010f, u32::MAX)], u32::MAX);
    for (name, tiff) in [("itself", itself), ("overlapping", directory(&overlapping, 9)), ("beyond", beyond)] {
        assert_eq!(scan(name, &with_chunks(&png, &[(b"eXIf", &tiff)])), Ok((48, 40)), "{name}");
    }
}

#[test]
fn manifests_that_are_none() {
    let png = encoded(&picture(48, 40), image::ImageFormat::Png);
    let nested: Vec<u8> =
        (0..100_000_u32).rev().flat_map(|i| [&(8 * i + 8).to_be_bytes()[..], b"jumb"].concat()).collect();
    let mut random = random();
    let noise: Vec<u8> = (0..100_000).map(|_| random() as u8).collect();
    for (name, boxes) in [("empty", &b""[..]), ("nested", &nested), ("noise", &noise), ("endless", b"\0\0\0\0jumb")] {
        assert_eq!(scan(name, &with_chunks(&png, &[(b"caBX", boxes)])), Ok((48, 40)), "{name}");
        let jpeg = encoded(&picture(48, 40), image::ImageFormat::Jpeg);
        let segment = [b"JP\0\x01\0\0\0\x01\0\0\xff\0jumb", &boxes[..boxes.len().min(60_000)]].concat();
        assert_eq!(scan(name, &with_segments(&jpeg, &[(0xeb, &segment)])), Ok((48, 40)), "{name}");
        _ = scan(name, &riff(&[(b"VP8X", &[0; 10]), (b"C2PA", boxes)]));
    }
}

#[test]
fn animations_without_end_and_polyglots() {
    let gif = encoded(&picture(48, 40), image::ImageFormat::Gif);
    // The frame begins after the header and the screen's own colours.
    let flags = gif[10];
    let start = 13 + if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let frame = &gif[start..gif.len() - 1];
    let many = [&gif[..start], &frame.repeat(10_000), b";"].concat();
    assert_eq!(scan("10,000 frames", &many), Ok((48, 40)));
    let page = b"<script>alert(1)</script>PK\x03\x04 prompt {\"1\": {\"class_type\": \"KSampler\", \"inputs\": {}}}";
    let signed = with_chunks(&encoded(&picture(48, 40), image::ImageFormat::Png), &[(b"tEXt", b"Software\0NovelAI")]);
    for (name, bytes) in valid() {
        for tail in [&page[..], &signed] {
            let polyglot = [&bytes, tail].concat();
            assert_eq!(scan(name, &polyglot), Ok((48, 40)), "{name}");
            let provenance = metadata::provenance(&polyglot, sniff(&polyglot).unwrap(), None);
            assert_eq!(provenance.marks, [], "{name}: what follows the image is not its metadata");
        }
    }
}

/// Runs last by its name, and sees the peak of all that ran before it: with one thread, of the whole corpus.
#[test]
fn zzz_memory_stayed_bounded() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        let kilobytes: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
        println!("peak: {} MB", kilobytes / 1024);
        assert!(kilobytes < 2 << 20, "{peak}");
    }
}
