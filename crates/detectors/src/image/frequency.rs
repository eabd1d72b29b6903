//! The frequency stage: what the spectrum of a picture shows.
//!
//! Cameras give spectra that fall with frequency as a power law (Field, 1987). Generators that upsample leave two
//! kinds of traces: a high end that is too empty or too full (Durall et al., "Watch your Up-Convolution", CVPR 2020)
//! and peaks on a grid (Frank et al., "Leveraging Frequency Analysis for Deep Fake Image Recognition", ICML 2020;
//! Corvi et al., "Intriguing properties of synthetic images", CVPR-W 2023). JPEG's 8 × 8 blocks leave peaks too, and
//! resizing empties the high end: alone these numbers are weak evidence, and which way each points is fitted data.

use super::noise;
use image::RgbImage;
use realfft::RealFftPlanner;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use scan::{Features, Reading, Window};
use std::f64::consts::TAU;

/// The side of the largest crop that is measured: that of the images which packs are fitted on, whose spectra have as
/// many frequencies then. Larger crops would cost more and be judged by numbers that were never seen.
const MAX_CROP: usize = 320;
/// Radial bins from 0 to half a cycle a pixel.
const BINS: usize = 64;
/// Variance of rounding to whole levels: no 8-bit picture is known better, and its logarithm is finite.
const ROUNDING: f64 = 1.0 / 12.0;
/// A peak has this many times the power around it, in nepers: of noise one point in 10¹⁰ has.
const PEAK: f64 = 3.5;
/// What a power law with exponent −2 makes of `high_band`.
const NATURAL_HIGH_BAND: f64 = -1.69;

/// Measures the central square of a picture, at its own scale: its side is even and at most 320, whatever the
/// picture's size. One window (tokens: 1) with these features, power being the natural logarithm of squared levels
/// (0 to 255) a frequency of Rec. 709 luminance, never under rounding noise:
///
/// - `spectrum_slope`: exponent of the power law f^a, fitted to the azimuthal mean over log f up to Nyquist, each
///   octave weighing the same; natural images about −2, white noise 0;
/// - `spectrum_residual`: root mean square distance from that law;
/// - `mid_band`: mean power from 1/4 to 1/2 of Nyquist over that from 1/32 to 1/4;
/// - `high_band`: mean power over 3/4 of Nyquist over that from 1/4 to 1/2;
/// - `fft_smoothness` (0 to 1): 1 / (1 + 4 residual²) · 1 / (1 + e^(high_band + 1.69)): near 1 where the spectrum is
///   a straight line that ends quieter than a natural one, 1/2 for an exact f^−2, near 0 for noise or a broken line;
/// - `peak_strength`: the most that a frequency off the axes (both parts at least 1/8 of Nyquist) stands above the
///   median around it; `peak_count`: local maxima that do by more than 3.5;
/// - `fft_periodicity` (0 to 1): 1 − e^(−s/4), s being the sum of what those maxima exceed 3.5 by;
/// - `grid_strength`: the mean of that height over the grid of multiples of 1/8 cycle a pixel, where both JPEG's
///   blocks and repeated doubling leave peaks;
/// - `noise_level`, `noise_quiet`, `noise_tails`, `noise_correlation`, `channel_correlation`: of what differs from
///   the neighbours, see the source.
///
/// A picture under 32 pixels a side gives an empty reading.
pub fn measure(picture: &RgbImage) -> Reading {
    let (width, height) = picture.dimensions();
    let side = (width.min(height) as usize).min(MAX_CROP) & !1;
    if side < 32 {
        return Reading::default();
    }
    let planes = central_crop(picture, side);
    let [red, green, blue] = &planes;
    let luminance: Vec<f32> =
        red.iter().zip(green).zip(blue).map(|((r, g), b)| 0.2126 * r + 0.7152 * g + 0.0722 * b).collect();
    let mut features = Features::new();
    let mut put = |name: &str, value: f64| {
        features.insert(name.to_owned(), value);
    };
    let spectrum = Spectrum::of(&luminance, side);
    let high_band = radial(&spectrum, &mut put);
    peaks(&spectrum, &mut put);
    noise::measure(&planes, &luminance, side, &mut put);
    let residual = features.get("spectrum_residual").copied().unwrap_or_default();
    let straight = 1.0 / (1.0 + 4.0 * residual * residual);
    features.insert("fft_smoothness".to_owned(), straight / (1.0 + (high_band - NATURAL_HIGH_BAND).exp()));
    Reading { windows: vec![Window { chars: 0..0, tokens: 1, features }], ..Reading::default() }
}

/// Red, green and blue of the central square, row by row, in levels.
fn central_crop(picture: &RgbImage, side: usize) -> [Vec<f32>; 3] {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let mut planes = [(); 3].map(|()| Vec::with_capacity(side * side));
    for row in picture.as_raw().chunks_exact(3 * width).skip(top).take(side) {
        let pixels = row[3 * left..3 * (left + side)].as_chunks::<3>().0;
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.extend(pixels.iter().map(|pixel| f32::from(pixel[channel])));
        }
    }
    planes
}

/// The half of a power spectrum that a real signal determines.
struct Spectrum {
    side: usize,
    /// Natural logarithms, column by column: horizontal frequencies 0 to side/2, each with all vertical ones.
    power: Vec<f64>,
}

impl Spectrum {
    /// Hann-windowed in both directions after its (windowed) mean is taken away.
    fn of(luminance: &[f32], side: usize) -> Self {
        let n = side as f64;
        let hann: Vec<f32> = (0..side).map(|i| (0.5 - 0.5 * (TAU * (i as f64 + 0.5) / n).cos()) as f32).collect();
        let energy: f64 = hann.iter().map(|w| f64::from(w * w)).sum::<f64>().powi(2);
        let weight: f64 = hann.iter().map(|w| f64::from(*w)).sum::<f64>().powi(2);
        let dot = |row: &[f32]| row.iter().zip(&hann).map(|(x, w)| x * w).sum::<f32>();
        let rows = || luminance.chunks_exact(side).zip(&hann);
        let mean = rows().map(|(row, down)| f64::from(dot(row) * down)).sum::<f64>() / weight;
        // A real row's transform is determined by its first half.
        let half = side / 2 + 1;
        let across = RealFftPlanner::new().plan_fft_forward(side);
        let mut transform = vec![Complex::default(); side * half];
        for ((row, down), transformed) in rows().zip(transform.chunks_exact_mut(half)) {
            let windowed = row.iter().zip(&hann).map(|(x, across)| (x - mean as f32) * across * down);
            // It refuses nothing but lengths other than these.
            let _ = across.process(&mut windowed.collect::<Vec<_>>(), transformed);
        }
        let mut columns: Vec<Complex<f32>> =
            (0..half).flat_map(|x| transform[x..].iter().step_by(half).copied()).collect();
        FftPlanner::new().plan_fft_forward(side).process(&mut columns);
        let power = columns.iter().map(|z| (f64::from(z.norm_sqr()) / energy + ROUNDING).ln()).collect();
        Self { side, power }
    }

    /// Of horizontal frequency `x`/side and vertical frequency `y`/side; `y` is taken round.
    fn at(&self, x: usize, y: usize) -> f64 {
        self.power[x * self.side + y % self.side]
    }
}

/// The features of the azimuthal mean; gives `high_band`.
fn radial(spectrum: &Spectrum, put: &mut impl FnMut(&str, f64)) -> f64 {
    let n = spectrum.side as f64;
    let mut sums = [(0.0, 0.0); BINS];
    for (x, column) in spectrum.power.chunks_exact(spectrum.side).enumerate() {
        for (y, here) in column.iter().enumerate() {
            let down = y.min(spectrum.side - y) as f64 / n;
            let radius = ((x as f64 / n).powi(2) + down * down).sqrt();
            // Closer to the centre, the window's own lobe is seen.
            if let Some((power, count)) =
                sums.get_mut((radius * 2.0 * BINS as f64) as usize).filter(|_| radius * n >= 4.0)
            {
                *power += here;
                *count += 1.0;
            }
        }
    }
    // (cycles a pixel, mean power) of each bin that has any.
    let bins: Vec<(f64, f64)> = sums
        .iter()
        .enumerate()
        .filter(|(_, (_, count))| *count > 0.0)
        .map(|(i, (power, count))| ((i as f64 + 0.5) / (2.0 * BINS as f64), power / count))
        .collect();
    let band = |from: f64, to: f64| {
        let inside = bins.iter().filter(|(f, _)| (from..to).contains(f)).map(|(_, power)| power);
        inside.clone().sum::<f64>() / inside.count().max(1) as f64
    };
    let (low, mid, high) = (band(1.0 / 64.0, 0.125), band(0.125, 0.25), band(0.375, 0.5));
    // Bins are equally wide, so a weight of 1/f makes octaves equal.
    let total: f64 = bins.iter().map(|(f, _)| 1.0 / f).sum();
    let mean = |value: &dyn Fn(f64, f64) -> f64| bins.iter().map(|(f, p)| value(*f, *p) / f).sum::<f64>() / total;
    let (center, level) = (mean(&|f, _| f.ln()), mean(&|_, p| p));
    let spread = mean(&|f, _| (f.ln() - center).powi(2));
    let slope = mean(&|f, p| (f.ln() - center) * (p - level)) / spread.max(f64::MIN_POSITIVE);
    let residual = mean(&|f, p| (p - level - slope * (f.ln() - center)).powi(2)).sqrt();
    put("spectrum_slope", slope);
    put("spectrum_residual", residual);
    put("mid_band", mid - low);
    put("high_band", high - mid);
    high - mid
}

/// The features of what stands out of its surroundings.
fn peaks(spectrum: &Spectrum, put: &mut impl FnMut(&str, f64)) {
    let side = spectrum.side;
    let nyquist = side / 2;
    let heights = heights(spectrum);
    let off_axes = |x: usize, y: usize| x.min(y.min(side - y)) >= side / 16;
    let (mut strongest, mut count, mut excess) = (0.0_f64, 0.0, 0.0);
    for x in side / 16..=nyquist {
        // The last column mirrors itself.
        for y in 0..if x == nyquist { nyquist + 1 } else { side } {
            let here = heights[x * side + y];
            if !off_axes(x, y) {
                continue;
            }
            strongest = strongest.max(here);
            if here > PEAK && is_maximum(spectrum, x, y) {
                count += 1.0;
                excess += here - PEAK;
            }
        }
    }
    let eighths = || (1..=4).map(|i| (i * side + 4) / 8);
    let grid: Vec<f64> = eighths()
        .flat_map(|x| eighths().flat_map(move |y| [(x, y), (x, side - y)]))
        .map(|(x, y)| heights[x * side + y % side])
        .collect();
    put("peak_strength", strongest);
    put("peak_count", count);
    put("fft_periodicity", 1.0 - (-excess / 4.0_f64).exp());
    put("grid_strength", grid.iter().sum::<f64>() / grid.len() as f64);
}

/// Power over the median of the tile around, tiles being 1/32 cycle a pixel wide (and 4 frequencies at least).
fn heights(spectrum: &Spectrum) -> Vec<f64> {
    let side = spectrum.side;
    let tile = (side / 32).max(4);
    let mut heights = spectrum.power.clone();
    let mut around = Vec::with_capacity(tile * tile);
    for left in (0..=side / 2).step_by(tile) {
        for top in (0..side).step_by(tile) {
            let (right, bottom) = ((left + tile).min(side / 2 + 1), (top + tile).min(side));
            around.clear();
            around
                .extend((left..right).flat_map(|x| spectrum.power[x * side + top..x * side + bottom].iter().copied()));
            let middle = around.len() / 2;
            let (_, median, _) = around.select_nth_unstable_by(middle, f64::total_cmp);
            for x in left..right {
                heights[x * side + top..x * side + bottom].iter_mut().for_each(|height| *height -= *median);
            }
        }
    }
    heights
}

/// Whether a frequency has more power than the eight around it.
fn is_maximum(spectrum: &Spectrum, x: usize, y: usize) -> bool {
    let here = spectrum.at(x, y);
    let columns = x - 1..=(x + 1).min(spectrum.side / 2);
    columns.flat_map(|i| (0..3).map(move |j| (i, j))).filter(|(i, j)| (*i, *j) != (x, 1)).all(|(i, j)| {
        let there = spectrum.at(i, y + spectrum.side + j - 1);
        // Of equal neighbours the last is the maximum.
        if (i, j) > (x, 1) { here > there } else { here >= there }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    fn features(picture: &RgbImage) -> Features {
        measure(picture).windows.remove(0).features
    }

    /// Grey levels by place.
    fn grey(width: u32, height: u32, mut level: impl FnMut(u32, u32) -> f64) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([level(x, y).round().clamp(0.0, 255.0) as u8; 3]))
    }

    /// Uniform in 0 to 1, the same on every run (Marsaglia's xorshift).
    fn random() -> impl FnMut() -> f64 {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// A picture whose spectrum falls as f^−2, by random phases.
    fn power_law(side: usize) -> RgbImage {
        let mut random = random();
        let mut columns: Vec<Complex<f32>> = (0..side * side)
            .map(|i| {
                let fold = |k: usize| k.min(side - k) as f64;
                let radius = fold(i / side).hypot(fold(i % side)).max(1.0);
                let z = Complex::from_polar(1.0 / radius, TAU * random());
                Complex::new(z.re as f32, z.im as f32)
            })
            .collect();
        let fft = FftPlanner::new().plan_fft_inverse(side);
        fft.process(&mut columns);
        let mut rows: Vec<Complex<f32>> = (0..side).flat_map(|y| columns[y..].iter().step_by(side).copied()).collect();
        fft.process(&mut rows);
        let scale = 40.0 / (rows.iter().map(|z| z.re * z.re).sum::<f32>() / rows.len() as f32).sqrt();
        grey(side as u32, side as u32, |x, y| f64::from(128.0 + scale * rows[y as usize * side + x as usize].re))
    }

    #[test]
    fn white_noise_is_level_and_has_no_peaks() {
        let mut random = random();
        let f = features(&grey(600, 520, |_, _| 256.0 * random() - 0.5));
        assert!(f["spectrum_slope"].abs() < 0.04, "{f:?}");
        assert!(f["spectrum_residual"] < 0.12 && f["high_band"].abs() < 0.05 && f["mid_band"].abs() < 0.1, "{f:?}");
        assert_eq!((f["fft_periodicity"], f["peak_count"]), (0.0, 0.0));
        assert!(f["fft_smoothness"] < 0.2);
        assert!((f["noise_correlation"] + 0.4).abs() < 0.01 && (f["channel_correlation"] - 1.0).abs() < 1e-3, "{f:?}");
        // The variance of levels 0 to 255, times 1 + 4 / 16 for the four neighbours.
        assert!((f["noise_level"].exp() - 1.25 * 65_535.0 / 12.0).abs() < 100.0, "{f:?}");
    }

    #[test]
    fn a_power_law_is_found_again() {
        let f = features(&power_law(320));
        assert!((f["spectrum_slope"] + 2.0).abs() < 0.15, "{f:?}");
        assert!((f["high_band"] - NATURAL_HIGH_BAND).abs() < 0.1 && f["spectrum_residual"] < 0.2, "{f:?}");
        assert!((0.4..0.6).contains(&f["fft_smoothness"]) && f["fft_periodicity"] == 0.0, "{f:?}");
    }

    #[test]
    fn waves_peak_where_they_are() {
        let mut random = random();
        let luminance: Vec<f32> = (0..128 * 128)
            .map(|i| {
                let (x, y) = ((i % 128) as f64, (i / 128) as f64);
                (100.0 + 30.0 * (TAU * (x * 32.0 + y * 20.0) / 128.0).cos() + random()) as f32
            })
            .collect();
        let spectrum = Spectrum::of(&luminance, 128);
        let heights = heights(&spectrum);
        let highest = (0..heights.len()).max_by(|a, b| heights[*a].total_cmp(&heights[*b])).unwrap();
        assert_eq!((highest / 128, highest % 128), (32, 20));
        // A wave of amplitude a has power a² / 4 · (Σ w)² / Σ w², where Hann's is (4 / 9) n².
        let power = spectrum.at(32, 20).exp();
        assert!((power / (30.0_f64.powi(2) / 4.0 * 4.0 / 9.0 * 128.0 * 128.0) - 1.0).abs() < 0.01, "{power}");
    }

    #[test]
    fn upsampling_grids_are_periodic() {
        let checkerboard = features(&grey(256, 256, |x, y| 100.0 * f64::from((x + y) % 2)));
        assert!(checkerboard["fft_periodicity"] > 0.95, "{checkerboard:?}");
        // Nearest-neighbour doubling twice, with a faint trace on every fourth pixel.
        let mut random = random();
        let coarse = grey(128, 128, |_, _| 100.0 + 50.0 * random());
        let doubled = grey(512, 512, |x, y| {
            let trace = if x % 4 == 0 && y % 4 == 0 { 20.0 } else { 0.0 };
            f64::from(coarse.get_pixel(x / 4, y / 4).0[0]) + trace
        });
        let f = features(&doubled);
        assert!(f["fft_periodicity"] > 0.9 && f["grid_strength"] > 1.0, "{f:?}");
    }

    #[test]
    fn flat_pictures_have_finite_features() {
        for level in [0, 128, 255] {
            let f = features(&RgbImage::from_pixel(100, 77, Rgb([level; 3])));
            assert!(f.values().all(|value| value.is_finite()), "{f:?}");
            assert_eq!((f["fft_periodicity"], f["peak_count"]), (0.0, 0.0));
        }
        assert_eq!(measure(&RgbImage::new(31, 500)), Reading::default());
        assert_eq!(measure(&RgbImage::new(0, 0)), Reading::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn features_are_finite_and_scores_bounded(
            width in 32_u32..80, height in 32_u32..80, bytes in proptest::collection::vec(any::<u8>(), 1..64),
        ) {
            let data: Vec<u8> = bytes.iter().copied().cycle().take((3 * width * height) as usize).collect();
            let f = features(&RgbImage::from_raw(width, height, data).unwrap());
            prop_assert!(f.values().all(|value| value.is_finite()), "{f:?}");
            prop_assert!((0.0..=1.0).contains(&f["fft_smoothness"]) && (0.0..=1.0).contains(&f["fft_periodicity"]));
        }
    }
}
