//! What is left of a picture when each pixel is compared with its neighbours: sensors leave noise that is alike in all
//! channels (demosaicing mixes them) and present in smooth places; generators often leave neither (Corvi et al., 2023).

/// Blocks over which noise is compared, in pixels a side.
const BLOCK: usize = 16;
/// Keeps logarithms of nothing finite: the variance of rounding to whole levels.
const ROUNDING: f64 = 1.0 / 12.0;

/// Of the differences between each pixel and the mean of its four neighbours, in levels:
///
/// - `noise_level`: ln of the variance in luminance;
/// - `noise_quiet`: the same of the quietest fifth of 16 × 16 blocks (its upper bound);
/// - `noise_tails`: ln of the kurtosis in luminance (1.1 for normal noise, more for edges on smooth ground);
/// - `noise_correlation`: −1 to 1, of luminance with the pixel to the right (−0.4 for white noise);
/// - `channel_correlation`: −1 to 1, mean of red with green and green with blue.
///
/// `planes` and `luminance` hold `side` × `side` pixels, row by row.
pub(super) fn measure(planes: &[Vec<f32>; 3], luminance: &[f32], side: usize, put: &mut impl FnMut(&str, f64)) {
    let inner = side - 2;
    let light = residual(luminance, side);
    let [red, green, blue] = planes.each_ref().map(|plane| residual(plane, side));
    let variance = product(&light, &light);
    let fourth = light.iter().map(|r| f64::from(*r).powi(4)).sum::<f64>() / light.len() as f64;
    let beside = light.chunks_exact(inner).map(|row| product(&row[..inner - 1], &row[1..])).sum::<f64>() / inner as f64;
    let mut blocks: Vec<f64> = (0..inner / BLOCK)
        .flat_map(|down| (0..inner / BLOCK).map(move |across| (down, across)))
        .map(|(down, across)| {
            let rows = light.chunks_exact(inner).skip(down * BLOCK).take(BLOCK);
            let block = rows.map(|row| &row[across * BLOCK..(across + 1) * BLOCK]);
            block.map(|row| product(row, row)).sum::<f64>() / BLOCK as f64
        })
        .collect();
    blocks.sort_unstable_by(f64::total_cmp);
    let quiet = blocks.get(blocks.len() / 5).copied().unwrap_or(variance);
    put("noise_level", (variance + ROUNDING).ln());
    put("noise_quiet", (quiet + ROUNDING).ln());
    put("noise_tails", ((fourth + ROUNDING) / (variance * variance + ROUNDING)).ln());
    put("noise_correlation", beside / (variance + 1e-6));
    put("channel_correlation", (correlation(&red, &green) + correlation(&green, &blue)) / 2.0);
}

/// Each inner pixel less the mean of its four neighbours.
fn residual(plane: &[f32], side: usize) -> Vec<f32> {
    let mut residual = Vec::with_capacity((side - 2) * (side - 2));
    for rows in plane.chunks_exact(side).collect::<Vec<_>>().windows(3) {
        let (above, row, below) = (rows[0], rows[1], rows[2]);
        residual.extend((1..side - 1).map(|x| row[x] - 0.25 * (above[x] + below[x] + row[x - 1] + row[x + 1])));
    }
    residual
}

/// Mean of the products, summed in eight lanes so that the compiler can use vectors.
fn product(a: &[f32], b: &[f32]) -> f64 {
    let ((a8, a1), (b8, b1)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += f64::from(a * b);
        }
    }
    let rest: f64 = a1.iter().zip(b1).map(|(a, b)| f64::from(a * b)).sum();
    (lanes.iter().sum::<f64>() + rest) / a.len() as f64
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    product(a, b) / ((product(a, a) * product(b, b)).sqrt() + 1e-6)
}
