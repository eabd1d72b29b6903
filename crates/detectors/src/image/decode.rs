//! From untrusted bytes to pixels, within limits that hold before anything is allocated.

use super::{Stealth, colour};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};
use scan::image::{ImageFormat, MAX_PIXELS, MIN_SIDE};
use std::fmt;
use std::io::Cursor;
use std::panic::catch_unwind;

/// What decoding may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of an image.
    pub max_pixels: u64,
    /// Bytes of the decoder's output. A pixel takes 1 to 8 of them (4 for most images with transparency, 8 with
    /// transparency and 16 bits a channel), and a progressive JPEG's decoder keeps another 6 a pixel for itself.
    pub max_alloc: u64,
}

impl Default for Limits {
    /// [`MAX_PIXELS`] and 512 MiB.
    fn default() -> Self {
        Self { max_pixels: MAX_PIXELS, max_alloc: 512 << 20 }
    }
}

/// A decoded image: of an animation the first frame (of an animated PNG the default image), turned as its EXIF
/// orientation says, laid on white where it is transparent.
#[derive(Clone)]
pub struct Picture {
    /// What the file was.
    pub format: ImageFormat,
    /// 8 bits a channel, sRGB: an embedded RGB profile has been applied.
    pub rgb: RgbImage,
    /// A generator's settings that are hidden in the pixels.
    pub stealth: Option<Stealth>,
}

impl Picture {
    /// Pixels across, as displayed.
    pub fn width(&self) -> u32 {
        self.rgb.width()
    }

    /// Pixels down, as displayed.
    pub fn height(&self) -> u32 {
        self.rgb.height()
    }
}

/// Content is private: its debug form tells its size only.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {} × {} pixels)", self.format, self.width(), self.height())
    }
}

/// Why a file gave no picture, and what its sender can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No format that is read, by its first bytes.
    #[error("the file is not an image of a kind that is read: send JPEG, PNG, WEBP, GIF or BMP")]
    Unsupported,
    /// Refused before its pixels were decoded.
    #[error("the image has {width} × {height} pixels; at most {limit} of its kind are read: send a smaller copy")]
    TooManyPixels {
        /// Pixels across, as the file declares.
        width: u32,
        /// Pixels down, as the file declares.
        height: u32,
        /// The most pixels that are read of an image with as many bytes a pixel.
        limit: u64,
    },
    /// A side is shorter than [`MIN_SIDE`].
    #[error("the image has {width} × {height} pixels, too few to judge: send one of {MIN_SIDE} × {MIN_SIDE} or more")]
    TooSmall {
        /// Pixels across, as the file declares.
        width: u32,
        /// Pixels down, as the file declares.
        height: u32,
    },
    /// The bytes break their format's rules, or use a part of it that hardly anything writes.
    #[error("the {format} file cannot be decoded: {reason}; save the image anew and send that")]
    Corrupt {
        /// What the file began as.
        format: ImageFormat,
        /// In a few words.
        reason: &'static str,
    },
}

/// The format that the first bytes tell; names and declared types are nobody's word.
pub fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        // Any text may begin with BM: the size of the second header must be one that exists.
        [b'B', b'M', ..] => match bytes.get(14..18)? {
            [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0] => Some(ImageFormat::Bmp),
            _ => None,
        },
        _ => None,
    }
}

/// Decodes an image. Time is linear in its pixels and bytes; memory is what [`Limits`] says and three bytes a pixel
/// of the result, with no pixel buffer before the declared size has passed.
///
/// A JPEG that was cut off decodes as far as it goes, the rest grey, as browsers show it; other formats must be whole.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, DecodeError> {
    let format = sniff(bytes).ok_or(DecodeError::Unsupported)?;
    // Other people's decoders on hostile bytes: what they panic on is a damaged file.
    catch_unwind(|| picture(bytes, format, limits))
        .unwrap_or(Err(DecodeError::Corrupt { format, reason: "its data contradict each other" }))
}

fn picture(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Picture, DecodeError> {
    let refuse = |error: ImageError| DecodeError::Corrupt { format, reason: reason(&error) };
    let corrupt = |reason| DecodeError::Corrupt { format, reason };
    let codec = match format {
        ImageFormat::Jpeg => image::ImageFormat::Jpeg,
        ImageFormat::Png => image::ImageFormat::Png,
        ImageFormat::WebP => image::ImageFormat::WebP,
        ImageFormat::Gif => image::ImageFormat::Gif,
        ImageFormat::Bmp => image::ImageFormat::Bmp,
        _ => return Err(DecodeError::Unsupported),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), codec);
    let mut allowed = image::Limits::default();
    allowed.max_alloc = Some(limits.max_alloc);
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    let limit = limits.max_pixels.min(limits.max_alloc / u64::from(color.bytes_per_pixel()));
    if u64::from(width) * u64::from(height) > limit {
        return Err(DecodeError::TooManyPixels { width, height, limit });
    }
    if width.min(height) < MIN_SIDE {
        return Err(DecodeError::TooSmall { width, height });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let size = usize::try_from(decoder.total_bytes()).map_err(|_| corrupt("its size overflows"))?;
    let mut samples = vec![0; size];
    decoder.read_image(&mut samples).map_err(refuse)?;
    let stealth = Stealth::find(&samples, width, height, color).filter(|_| format != ImageFormat::Jpeg);
    let mut rgb = to_rgb(samples, color);
    if let Some(profile) = profile {
        colour::to_srgb(&mut rgb, &profile);
    }
    let rgb = RgbImage::from_raw(width, height, rgb).ok_or(corrupt("its size is inconsistent"))?;
    let mut turned = DynamicImage::ImageRgb8(rgb);
    turned.apply_orientation(orientation);
    Ok(Picture { format, rgb: turned.into_rgb8(), stealth })
}

/// A decoder's own words may quote the file.
fn reason(error: &ImageError) -> &'static str {
    match error {
        ImageError::Decoding(_) => "its data are damaged",
        ImageError::IoError(_) => "it ends too early",
        ImageError::Unsupported(_) => "it uses a rare variant of the format",
        ImageError::Limits(_) => "it asks for more memory than its size explains",
        _ => "it is incomplete",
    }
}

/// Samples as decoders give them (8 bits, or 16 in the machine's byte order; grey or colour; with alpha or without)
/// to three bytes a pixel, in place where that does not grow.
fn to_rgb(mut samples: Vec<u8>, color: ColorType) -> Vec<u8> {
    let channels = color.channel_count();
    if color.bytes_per_pixel() == 2 * channels {
        let count = samples.len() / 2;
        for i in 0..count {
            let wide = u16::from_ne_bytes([samples[2 * i], samples[2 * i + 1]]);
            samples[i] = ((u32::from(wide) + 128) / 257) as u8;
        }
        samples.truncate(count);
    }
    match channels {
        1 => samples.iter().flat_map(|grey| [*grey; 3]).collect(),
        2 => samples.as_chunks::<2>().0.iter().flat_map(|[grey, alpha]| [on_white(*grey, *alpha); 3]).collect(),
        4 => {
            let count = samples.len() / 4;
            for i in 0..count {
                let alpha = samples[4 * i + 3];
                for channel in 0..3 {
                    samples[3 * i + channel] = on_white(samples[4 * i + channel], alpha);
                }
            }
            samples.truncate(3 * count);
            samples.shrink_to_fit();
            samples
        }
        _ => samples,
    }
}

fn on_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, Frame, ImageEncoder, Rgb, RgbaImage};

    fn encoded(image: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Red on the left, blue on the right.
    fn halves(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) })
    }

    fn near(a: &Rgb<u8>, b: [u8; 3]) -> bool {
        a.0.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 8)
    }

    #[test]
    fn every_format_is_told_by_its_bytes_and_decoded() {
        use image::ImageFormat as Codec;
        let picture = DynamicImage::ImageRgb8(halves(64, 40));
        for (codec, format) in [
            (Codec::Jpeg, ImageFormat::Jpeg),
            (Codec::Png, ImageFormat::Png),
            (Codec::WebP, ImageFormat::WebP),
            (Codec::Gif, ImageFormat::Gif),
            (Codec::Bmp, ImageFormat::Bmp),
        ] {
            let bytes = encoded(&picture, codec);
            assert_eq!(sniff(&bytes), Some(format));
            let decoded = decode(&bytes, &Limits::default()).unwrap();
            assert_eq!((decoded.format, decoded.width(), decoded.height()), (format, 64, 40));
            assert!(near(decoded.rgb.get_pixel(8, 8), [250, 0, 0]), "{format}");
            assert!(near(decoded.rgb.get_pixel(56, 8), [0, 0, 250]), "{format}");
        }
        for other in [&b"BMW is a maker of cars"[..], b"%PDF-1.7", b"<svg/>", b"", b"GIF8", b"II*\0", &[0; 64]] {
            assert_eq!(sniff(other), None);
            assert_eq!(decode(other, &Limits::default()).err(), Some(DecodeError::Unsupported));
        }
    }

    #[test]
    fn transparency_lies_on_white_and_16_bits_become_8() {
        let clear = RgbaImage::from_pixel(32, 32, image::Rgba([0, 0, 0, 0]));
        let half = RgbaImage::from_pixel(32, 32, image::Rgba([0, 100, 200, 128]));
        let deep = image::ImageBuffer::from_pixel(32, 32, image::Rgba([0u16, 0x8000, 0xffff, 0xffff]));
        let grey = image::ImageBuffer::from_pixel(32, 32, image::LumaA([0u16, 0]));
        for (image, expected) in [
            (DynamicImage::ImageRgba8(clear), [255, 255, 255]),
            (DynamicImage::ImageRgba8(half), [127, 177, 227]),
            (DynamicImage::ImageRgba16(deep), [0, 128, 255]),
            (DynamicImage::ImageLumaA16(grey), [255, 255, 255]),
            (DynamicImage::ImageLuma8(image::GrayImage::from_pixel(32, 32, image::Luma([7]))), [7, 7, 7]),
        ] {
            let bytes = encoded(&image, image::ImageFormat::Png);
            let decoded = decode(&bytes, &Limits::default()).unwrap();
            assert!(decoded.rgb.pixels().all(|pixel| pixel.0 == expected), "{:?}", decoded.rgb.get_pixel(0, 0));
        }
    }

    #[test]
    fn orientation_is_applied() {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
        // Little-endian TIFF with one entry: orientation (0x0112, short) 6, to be turned clockwise.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&halves(64, 40), 64, 40, ExtendedColorType::Rgb8).unwrap();
        let picture = decode(&bytes, &Limits::default()).unwrap();
        assert_eq!((picture.width(), picture.height()), (40, 64));
        assert!(near(picture.rgb.get_pixel(20, 8), [250, 0, 0]));
        assert!(near(picture.rgb.get_pixel(20, 56), [0, 0, 250]));
    }

    #[test]
    fn of_an_animation_the_first_frame_is_read() {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for level in [10, 200] {
            let frame = RgbaImage::from_pixel(32, 32, image::Rgba([level, level, level, 255]));
            encoder.encode_frame(Frame::new(frame)).unwrap();
        }
        drop(encoder);
        let picture = decode(&bytes, &Limits::default()).unwrap();
        assert!(near(picture.rgb.get_pixel(5, 5), [10, 10, 10]));
    }

    #[test]
    fn sizes_are_refused_before_pixels_are_decoded() {
        let bytes = encoded(&DynamicImage::ImageRgb8(halves(64, 40)), image::ImageFormat::Png);
        let few = Limits { max_pixels: 2559, ..Limits::default() };
        let refusal = DecodeError::TooManyPixels { width: 64, height: 40, limit: 2559 };
        assert_eq!(decode(&bytes, &few).err(), Some(refusal));
        assert!(decode(&bytes, &Limits { max_pixels: 2560, ..few }).is_ok());
        let little = Limits { max_alloc: 3 * 2000, ..Limits::default() };
        assert!(matches!(decode(&bytes, &little), Err(DecodeError::TooManyPixels { limit: 2000, .. })));
        let narrow = encoded(&DynamicImage::ImageRgb8(halves(31, 400)), image::ImageFormat::Png);
        let error = decode(&narrow, &Limits::default()).err().unwrap();
        assert_eq!(error, DecodeError::TooSmall { width: 31, height: 400 });
        assert_eq!(error.to_string(), "the image has 31 × 400 pixels, too few to judge: send one of 32 × 32 or more");
    }

    #[test]
    fn damage_is_told_without_quoting_the_file() {
        let bytes = encoded(&DynamicImage::ImageRgb8(halves(64, 40)), image::ImageFormat::Png);
        let error = decode(&bytes[..bytes.len() / 2], &Limits::default()).err().unwrap();
        assert!(matches!(error, DecodeError::Corrupt { format: ImageFormat::Png, .. }));
        assert!(error.to_string().starts_with("the PNG file cannot be decoded: "), "{error}");
    }
}
