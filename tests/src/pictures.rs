//! Image files made in code.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

/// Something with structure at every scale, the same on every machine.
pub fn scene(width: u32, height: u32) -> RgbImage {
    let mut state = 2026u32;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 28) as f32;
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let wave = |f: f32| 40.0 * ((u * f).sin() * (v * f * 0.7).cos());
        let level = 120.0 + wave(6.0) + 0.5 * wave(23.0) + noise;
        Rgb([level, level * 0.9 + 20.0 * u, level * 0.8 + 30.0 * v].map(|c| c.clamp(0.0, 255.0) as u8))
    })
}

/// The scene as a file.
pub fn file(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(scene(width, height)).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG with little in it, so that a hundred million pixels stay under the limit of bytes.
pub fn smooth(width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x / 64) as u8, (y / 64) as u8, ((x + y) / 128) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// The scene as a PNG with text chunks.
pub fn png_with_text(width: u32, height: u32, chunks: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    for (keyword, text) in chunks {
        encoder.add_itxt_chunk((*keyword).to_owned(), (*text).to_owned()).unwrap();
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(scene(width, height).as_raw()).unwrap();
    writer.finish().unwrap();
    bytes
}

/// What AUTOMATIC1111's web UI writes into its images.
pub const PARAMETERS: &str = "a lighthouse at dusk, oil painting\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, \
    CFG scale: 7, Seed: 1234, Size: 512x512, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Version: v1.9.3";

/// The scene as a JPEG with an EXIF block: a camera, an exposure, and an orientation (1 to 8).
pub fn photo(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let jpeg = file(width, height, ImageFormat::Jpeg);
    let exif = exif(orientation);
    let mut app1 = vec![0xff, 0xe1];
    app1.extend_from_slice(&u16::try_from(exif.len() + 8).unwrap().to_be_bytes());
    app1.extend_from_slice(b"Exif\0\0");
    app1.extend_from_slice(&exif);
    [&jpeg[..2], &app1, &jpeg[2..]].concat()
}

/// A little-endian TIFF header with two directories (Exif 2.32, section 4.6).
fn exif(orientation: u16) -> Vec<u8> {
    let [ascii, short, long, rational] = [2u16, 3, 4, 5];
    let (make, model) = (b"Canon\0", b"Canon EOS 40D\0");
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    // 8 header, 2 + 4·12 + 4 first directory, 2 + 3·12 + 4 Exif directory, then the values.
    let (exif_ifd, values) = (62u32, 104u32);
    let at = |offset: usize| values + offset as u32;
    let first = [
        entry(0x010f, ascii, make.len() as u32, at(0)),
        entry(0x0110, ascii, model.len() as u32, at(make.len())),
        entry(0x0112, short, 1, u32::from(orientation)),
        entry(0x8769, long, 1, exif_ifd),
    ];
    let rationals = make.len() + model.len();
    let second = [
        entry(0x829a, rational, 1, at(rationals)),
        entry(0x829d, rational, 1, at(rationals + 8)),
        entry(0x8827, short, 1, 100),
    ];
    let ratio = |a: u32, b: u32| [a.to_le_bytes(), b.to_le_bytes()].concat();
    let directory = |entries: &[Vec<u8>]| {
        [&u16::try_from(entries.len()).unwrap().to_le_bytes()[..], &entries.concat(), &0u32.to_le_bytes()].concat()
    };
    let header = [&b"II*\0"[..], &8u32.to_le_bytes()].concat();
    let values = [&make[..], &model[..], &ratio(1, 135), &ratio(71, 10)].concat();
    [header, directory(&first), directory(&second), values].concat()
}
