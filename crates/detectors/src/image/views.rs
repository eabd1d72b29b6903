//! Model-ready views: squares of a picture, made small.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use scan::image::{MAX_VIEW, Pixels, PixelsError};

/// At most `count` views of `size` × `size` pixels, each a square of the picture's whole shorter side: the central one,
/// then both ends of a picture that is at least half as long again as it is wide. A smaller picture is enlarged.
///
/// Whole sides rather than crops at the picture's own scale: what gives generated images away to the compact pack's network
/// is how they are composed and painted. The whole ranks better than a native crop, and better than the mean of both (see
/// models/training/README.md).
///
/// # Errors
/// `count` is 0, or `size` not 1 to [`MAX_VIEW`].
pub fn squares(picture: &RgbImage, size: u32, count: usize) -> Result<Pixels, PixelsError> {
    let (width, height) = picture.dimensions();
    let (side, longer) = (width.min(height), width.max(height));
    let ends = if longer >= side + side / 2 { vec![0, longer - side] } else { vec![] };
    let at = |offset: u32| if width >= height { (offset, 0) } else { (0, offset) };
    let square = |offset| Square { left: at(offset).0, top: at(offset).1, side };
    render(picture, size, [(longer - side) / 2].into_iter().chain(ends).map(square).take(count))
}

/// In pixels of the picture.
struct Square {
    left: u32,
    top: u32,
    side: u32,
}

/// Bicubic convolution (a = −0.5) whose kernel widens when it reduces: the same as Pillow's `BICUBIC`, to a level or
/// two. Reads the squares where they lie; a square that has its size already is copied.
fn render(picture: &RgbImage, size: u32, squares: impl IntoIterator<Item = Square>) -> Result<Pixels, PixelsError> {
    if !(1..=MAX_VIEW).contains(&size) {
        return Err(PixelsError);
    }
    let (width, height) = picture.dimensions();
    let source = ImageRef::new(width, height, picture.as_raw(), PixelType::U8x3).map_err(|_| PixelsError)?;
    let bicubic = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    let mut resizer = Resizer::new();
    let mut rgb = Vec::new();
    for Square { left, top, side } in squares {
        let mut view = Image::new(size, size, PixelType::U8x3);
        let options = bicubic.crop(left.into(), top.into(), side.into(), side.into());
        resizer.resize(&source, &mut view, &options).map_err(|_| PixelsError)?;
        rgb.extend_from_slice(view.buffer());
    }
    Pixels::new(size, rgb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// The level of each view's middle pixel.
    fn middles(pixels: &Pixels) -> Vec<u8> {
        let middle = 3 * (pixels.size() as usize / 2) * (pixels.size() as usize + 1);
        pixels.views().map(|view| view[middle]).collect()
    }

    #[test]
    fn a_long_picture_is_seen_in_the_middle_and_at_both_ends() {
        let wide = RgbImage::from_fn(900, 300, |x, _| Rgb([(x / 300) as u8 * 100; 3]));
        assert_eq!(middles(&squares(&wide, 64, 3).unwrap()), [100, 0, 200]);
        assert_eq!(middles(&squares(&wide, 64, 1).unwrap()), [100]);
        let tall = RgbImage::from_fn(100, 200, |_, y| Rgb([if y < 100 { 10 } else { 250 }; 3]));
        assert_eq!(middles(&squares(&tall, 50, 3).unwrap())[1..], [10, 250]);
        let photo = RgbImage::new(400, 300);
        assert_eq!(squares(&photo, 64, 3).unwrap().views().len(), 1);
    }

    #[test]
    fn a_small_picture_is_enlarged_and_one_of_the_right_size_is_left_alone() {
        let picture = RgbImage::from_fn(40, 40, |x, y| Rgb([x as u8, y as u8, 7]));
        assert_eq!(squares(&picture, 40, 1).unwrap().views().next().unwrap(), picture.as_raw());
        assert_eq!(squares(&picture, 100, 1).unwrap().size(), 100);
    }

    #[test]
    fn what_is_reduced_is_averaged_and_not_picked() {
        let fine = RgbImage::from_fn(640, 480, |x, y| Rgb([if (x + y) % 2 == 0 { 0 } else { 200 }; 3]));
        assert!(squares(&fine, 48, 1).unwrap().views().flatten().all(|level| level.abs_diff(100) <= 1));
    }

    #[test]
    fn the_kernel_is_pillows() {
        let ramp = RgbImage::from_fn(8, 8, |x, _| Rgb([(4 * x * x) as u8; 3]));
        let row: Vec<u8> = squares(&ramp, 4, 1).unwrap().views().flatten().copied().step_by(3).take(4).collect();
        assert_eq!(row, expected(8, 4));
    }

    /// Pillow's `BICUBIC` of 4 x² levels: a = −0.5, support 2 · scale, weights normalised at the edges.
    fn expected(from: u32, to: u32) -> Vec<u8> {
        let scale = f64::from(from) / f64::from(to);
        let kernel = |x: f64| match x.abs() {
            x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            x if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            _ => 0.0,
        };
        let at = |i: u32| {
            let center = (f64::from(i) + 0.5) * scale;
            let weights: Vec<f64> = (0..from).map(|x| kernel((f64::from(x) + 0.5 - center) / scale)).collect();
            let sum: f64 = weights.iter().enumerate().map(|(x, w)| w * 4.0 * (x * x) as f64).sum();
            (sum / weights.iter().sum::<f64>()).round().clamp(0.0, 255.0) as u8
        };
        (0..to).map(at).collect()
    }

    #[test]
    fn sizes_and_counts_out_of_range_are_refused() {
        let picture = RgbImage::new(40, 40);
        for (size, count) in [(0, 1), (MAX_VIEW + 1, 1), (40, 0)] {
            assert_eq!(squares(&picture, size, count), Err(PixelsError));
        }
    }
}
