//! "Stealth" PNG info: generation parameters in the lowest bits of the pixels, column by column, that the
//! stable-diffusion-webui extension of that name and NovelAI write. They survive where text chunks are stripped.

use image::ColorType;
use scan::{Evidence, EvidenceKind, Origin, Strength};

/// Which bits hold the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stealth {
    /// The lowest of each pixel's alpha.
    Alpha,
    /// The lowest of its red, green and blue.
    Rgb,
}

/// What precedes the parameters; the second of each where they are compressed.
const SIGNATURES: [(Stealth, [&[u8; LENGTH]; 2]); 2] = [
    (Stealth::Alpha, [b"stealth_pnginfo", b"stealth_pngcomp"]),
    (Stealth::Rgb, [b"stealth_rgbinfo", b"stealth_rgbcomp"]),
];
const LENGTH: usize = 15;

impl Stealth {
    /// The signature in pixels as a lossless decoder gave them, before they were turned or laid on white. Looks at 120
    /// bits at most, in one place each; by chance they occur once in 2¹¹⁸ pictures. The parameters are not read.
    pub(super) fn find(samples: &[u8], width: u32, height: u32, color: ColorType) -> Option<Self> {
        let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
        let channels = match color {
            ColorType::Rgb8 => 3,
            ColorType::Rgba8 => 4,
            _ => return None,
        };
        let bit = |pixel: usize, channel: usize| {
            let (column, row) = (pixel / height, pixel % height);
            samples.get(channels * (row * width + column) + channel).filter(|_| column < width).map(|sample| sample & 1)
        };
        SIGNATURES.iter().map(|(stealth, _)| *stealth).find(|stealth| match stealth {
            Stealth::Alpha => channels == 4 && stealth.begins(|at| bit(at, 3)),
            Stealth::Rgb => stealth.begins(|at| bit(at / 3, at % 3)),
        })
    }

    /// Whether these bits begin with one of its signatures, the highest bit of each byte first.
    fn begins(self, bit: impl Fn(usize) -> Option<u8>) -> bool {
        let byte = |at: usize| (8 * at..8 * at + 8).try_fold(0, |byte, at| Some(byte << 1 | bit(at)?));
        let signatures =
            SIGNATURES.iter().filter(|(stealth, _)| *stealth == self).flat_map(|(_, signatures)| signatures);
        signatures
            .into_iter()
            .any(|signature| signature.iter().enumerate().all(|(at, wanted)| byte(at) == Some(*wanted)))
    }

    /// As a statement of the file.
    pub(super) fn evidence(self) -> Evidence {
        let bits = match self {
            Stealth::Alpha => "alpha",
            Stealth::Rgb => "red, green and blue",
        };
        Evidence {
            kind: EvidenceKind::HiddenData,
            standard: "none; the custom of stable-diffusion-webui's \"stealth pnginfo\" and NovelAI".to_owned(),
            statement: "Its pixels hide the settings that Stable Diffusion made it with.".to_owned(),
            origin: Origin::AiGenerated,
            strength: Strength::Proof,
            found_in: format!("lowest bits of {bits}"),
            forgeable: true,
            generator: Some("Stable Diffusion".to_owned()),
            version: None,
            model: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::image::{Limits, Stealth, decode};
    use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
    use std::io::Cursor;

    /// What is found of a text that is hidden in a picture of that size and format.
    fn hidden(text: &[u8], stealth: Stealth, (width, height): (u32, u32), format: ImageFormat) -> Option<Stealth> {
        let bit = |at: u32| text.get(at as usize / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
        let image = DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |x, y| {
            let at = x * height + y;
            match stealth {
                Stealth::Alpha => Rgba([9, 9, 9, 254 | bit(at)]),
                Stealth::Rgb => Rgba([8 | bit(3 * at), 8 | bit(3 * at + 1), 8 | bit(3 * at + 2), 255]),
            }
        }));
        let opaque = stealth == Stealth::Rgb;
        let image = if opaque { DynamicImage::ImageRgb8(image.into_rgb8()) } else { image };
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        decode(bytes.get_ref(), &Limits::default()).unwrap().stealth
    }

    #[test]
    fn the_signature_is_found_down_the_columns_of_every_lossless_format() {
        for size in [(32, 200), (64, 50), (40, 120)] {
            for format in [ImageFormat::Png, ImageFormat::WebP] {
                for (stealth, signatures) in [
                    (Stealth::Alpha, [&b"stealth_pnginfo and more"[..], b"stealth_pngcomp and more"]),
                    (Stealth::Rgb, [b"stealth_rgbinfo and more", b"stealth_rgbcomp and more"]),
                ] {
                    for signature in signatures {
                        assert_eq!(hidden(signature, stealth, size, format), Some(stealth), "{size:?} {format:?}");
                    }
                    assert_eq!(hidden(b"stealth_p!ginfo", stealth, size, format), None);
                    let other = if stealth == Stealth::Rgb { b"stealth_pnginfo" } else { b"stealth_rgbinfo" };
                    assert_eq!(hidden(other, stealth, size, format), None, "each in its own bits");
                }
            }
        }
        assert_eq!(hidden(b"stealth_rgbinfo", Stealth::Rgb, (64, 64), ImageFormat::Jpeg), None);
    }
}
