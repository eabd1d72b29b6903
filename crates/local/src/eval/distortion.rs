//! What happens to images on their way: how well a detector holds is measured by doing it to them.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageFormat};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Cursor;

/// One treatment of an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// The file as it is.
    #[default]
    None,
    /// Compressed again as JPEG, quality 75.
    Jpeg75,
    /// Compressed again as JPEG, quality 50.
    Jpeg50,
    /// Half as wide and high (Catmull-Rom).
    Half,
    /// Blurred, with a standard deviation of one pixel.
    Blur,
    /// The middle three quarters of width and height.
    Crop,
}

impl Distortion {
    /// The file after the treatment. What is not recompressed is written without loss, and no metadata survives.
    pub fn apply(self, file: Vec<u8>) -> Result<Vec<u8>, ImageError> {
        if self == Distortion::None {
            return Ok(file);
        }
        let image = image::load_from_memory(&file)?;
        let (w, h) = (image.width(), image.height());
        match self {
            Distortion::None => Ok(file),
            Distortion::Jpeg75 => jpeg(&image, 75),
            Distortion::Jpeg50 => jpeg(&image, 50),
            Distortion::Half => png(&image.resize_exact((w / 2).max(1), (h / 2).max(1), FilterType::CatmullRom)),
            Distortion::Blur => png(&image.blur(1.0)),
            Distortion::Crop => png(&image.crop_imm(w / 8, h / 8, (w * 3 / 4).max(1), (h * 3 / 4).max(1))),
        }
    }
}

fn jpeg(image: &DynamicImage, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&image.to_rgb8())?;
    Ok(bytes)
}

fn png(image: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    image.to_rgb8().write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

impl fmt::Display for Distortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_treatment_gives_an_image_of_the_size_it_says() {
        let image = image::RgbImage::from_fn(80, 40, |x, y| image::Rgb([x as u8 * 3, y as u8 * 6, 99]));
        let file = png(&image.into()).unwrap();
        for &distortion in Distortion::value_variants() {
            assert_eq!(Distortion::from_str(&distortion.to_string(), false), Ok(distortion));
            let treated = image::load_from_memory(&distortion.apply(file.clone()).unwrap()).unwrap();
            let expected = match distortion {
                Distortion::Half => (40, 20),
                Distortion::Crop => (60, 30),
                _ => (80, 40),
            };
            assert_eq!((treated.width(), treated.height()), expected, "{distortion}");
        }
        assert_eq!(Distortion::None.apply(b"anything".to_vec()).unwrap(), b"anything");
        assert!(Distortion::Half.apply(b"anything".to_vec()).is_err());
    }
}
