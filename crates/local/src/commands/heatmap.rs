//! A picture with the classifier's evidence drawn over it.

use anyhow::{Context, Result};
use detectors::image::{Limits, decode};
use image::{Rgb, RgbImage};
use scan::sighting::HeatMapReport;
use std::path::Path;

/// What is drawn, and how much of the picture it hides where the score is 1.
const RED: [f64; 3] = [226.0, 32.0, 48.0];
const OPACITY: f64 = 0.65;

/// Draws `map` over the image `file` and saves it at `path`, in the format that its name tells.
pub fn draw(map: &HeatMapReport, file: &[u8], path: &Path) -> Result<()> {
    let mut picture = decode(file, &Limits::default())?.rgb;
    lay_over(&mut picture, map);
    picture.save(path).with_context(|| format!("cannot write {}; its name must end in .png or .jpg", path.display()))
}

fn lay_over(picture: &mut RgbImage, map: &HeatMapReport) {
    let across = map.scores.len() as u32;
    for y in 0..map.side {
        let row = &map.scores[(y * across / map.side) as usize];
        for x in 0..map.side {
            let hidden = OPACITY * row[(x * across / map.side) as usize];
            if let Some(Rgb(pixel)) = picture.get_pixel_mut_checked(map.left + x, map.top + y) {
                for (level, red) in pixel.iter_mut().zip(RED) {
                    *level = (f64::from(*level) * (1.0 - hidden) + red * hidden).round() as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_redden_by_their_score_and_nothing_else_changes() {
        let mut picture = RgbImage::from_pixel(6, 4, Rgb([100; 3]));
        let map = HeatMapReport { left: 1, top: 0, side: 4, scores: vec![vec![0.0, 1.0], vec![0.5, 0.0]] };
        lay_over(&mut picture, &map);
        let untouched = Rgb([100; 3]);
        assert_eq!([picture.get_pixel(0, 0), picture.get_pixel(1, 0), picture.get_pixel(5, 3)], [&untouched; 3]);
        assert_eq!(picture.get_pixel(3, 1), &Rgb([182, 56, 66]));
        assert!(picture.get_pixel(2, 3).0[0] > 100 && picture.get_pixel(2, 3).0[0] < 182);
    }
}
