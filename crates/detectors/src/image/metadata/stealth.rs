//! "Stealth" PNG info: generation parameters in the lowest bits of the alpha channel, column by column, that the
//! stable-diffusion-webui extension of that name and NovelAI write. They survive where text chunks are stripped.

use std::io::Cursor;

/// Either precedes the parameters, the second when they are compressed.
const SIGNATURES: [&[u8; 15]; 2] = [b"stealth_pnginfo", b"stealth_pngcomp"];
const BITS: usize = 8 * 15;
/// Wider files are not looked into; 120 rows of this are 8 MB.
const MAX_WIDTH: u32 = 16_384;

/// The generator family whose signature is there. Decodes at most 120 rows of 8-bit RGBA, not interlaced. By chance
/// such bits occur once in 2¹¹⁹ files; the parameters themselves are not read.
pub(super) fn tool(bytes: &[u8]) -> Option<&'static str> {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().ok()?;
    let info = reader.info();
    let (width, height) = (usize::try_from(info.width).ok()?, usize::try_from(info.height).ok()?);
    let plain = info.color_type == png::ColorType::Rgba && info.bit_depth == png::BitDepth::Eight && !info.interlaced;
    if !plain || info.width > MAX_WIDTH {
        return None;
    }
    let (rows, columns) = (height.min(BITS), BITS.div_ceil(height).min(width));
    let mut alpha = vec![0; rows * columns];
    for y in 0..rows {
        let row = reader.next_row().ok()??;
        for x in 0..columns {
            alpha[x * rows + y] = row.data().get(4 * x + 3)? & 1;
        }
    }
    let byte = |bits: &[u8; 8]| bits.iter().fold(0, |byte, bit| byte << 1 | bit);
    let start: Vec<u8> = alpha.as_chunks().0.iter().map(byte).collect();
    SIGNATURES.iter().any(|signature| start.starts_with(*signature)).then_some("Stable Diffusion")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, Rgba, RgbaImage};

    fn hidden(text: &[u8], width: u32, height: u32) -> Option<&'static str> {
        let bit = |at: usize| text.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
        let image = RgbaImage::from_fn(width, height, |x, y| Rgba([9, 9, 9, 254 | bit((x * height + y) as usize)]));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(image).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        tool(bytes.get_ref())
    }

    #[test]
    fn the_signature_is_found_down_the_columns() {
        for (width, height) in [(32, 200), (64, 50), (40, 120)] {
            assert_eq!(hidden(b"stealth_pngcomp and more", width, height), Some("Stable Diffusion"));
            assert_eq!(hidden(b"stealth_pnginf0", width, height), None);
        }
        assert_eq!(tool(b"no PNG"), None);
    }
}
