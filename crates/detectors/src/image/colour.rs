//! Colour profiles (ICC.1:2022): pixels as people see them. A wide-gamut photograph whose numbers are taken for sRGB looks
//! pale, to a network as to a person.

use moxcms::{ColorProfile, DataColorSpace, Layout, ParsingOptions, Transform8BitExecutor, TransformOptions};
use std::sync::Arc;

/// Profiles beyond this size, in bytes, are passed over; those of displays and cameras take 0.5 to 600 KB.
const MAX_PROFILE: usize = 4 << 20;

/// Bytes that are converted at a time: the copy that the conversion needs stays in the cache.
const CHUNK: usize = 3 << 14;

/// Converts `rgb`, three bytes a pixel, from the colour space of an embedded profile to sRGB. What is not the profile of an
/// RGB space, or cannot be read, changes nothing: the picture is then judged by its numbers, as without a profile.
pub(super) fn to_srgb(rgb: &mut [u8], profile: &[u8]) {
    let Some(transform) = transform(profile) else { return };
    if is_identity(transform.as_ref()) {
        return;
    }
    let mut source = [0; CHUNK];
    for chunk in rgb.chunks_mut(CHUNK) {
        let source = &mut source[..chunk.len()];
        source.copy_from_slice(chunk);
        if transform.transform(source, chunk).is_err() {
            return;
        }
    }
}

fn transform(profile: &[u8]) -> Option<Arc<Transform8BitExecutor>> {
    if profile.len() >= MAX_PROFILE {
        return None;
    }
    let limits = ParsingOptions { max_profile_size: MAX_PROFILE, ..ParsingOptions::default() };
    let profile = ColorProfile::new_from_slice_with_options(profile, limits).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, TransformOptions::default()).ok()
}

/// Whether a grid of colours keeps its values to two levels: most embedded profiles are sRGB's own.
fn is_identity(transform: &Transform8BitExecutor) -> bool {
    const LEVELS: [u8; 5] = [0, 64, 128, 192, 255];
    let pairs = LEVELS.iter().flat_map(|red| LEVELS.iter().map(move |green| (*red, *green)));
    let grid: Vec<u8> = pairs.flat_map(|(r, g)| LEVELS.iter().flat_map(move |blue| [r, g, *blue])).collect();
    let mut converted = vec![0; grid.len()];
    let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 2;
    transform.transform(&grid, &mut converted).is_ok() && grid.iter().zip(&converted).all(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(profile: &[u8], pixel: [u8; 3]) -> [u8; 3] {
        let mut rgb = pixel.repeat(CHUNK / 3 + 5);
        to_srgb(&mut rgb, profile);
        assert!(rgb.as_chunks::<3>().0.iter().all(|other| *other == rgb[..3]));
        [rgb[0], rgb[1], rgb[2]]
    }

    #[test]
    fn a_wide_gamut_is_brought_to_srgb_and_srgb_is_left_alone() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let [r, g, b] = converted(&p3, [200, 100, 100]);
        // Apple's Display P3 and sRGB share transfer and white: reds grow purer, greys stay.
        assert!(r > 205 && g < 100 && b < 102, "{r} {g} {b}");
        let grey = converted(&p3, [120, 120, 120]);
        assert!(grey.iter().all(|level| level.abs_diff(120) <= 1), "{grey:?}");
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        assert_eq!(converted(&srgb, [200, 100, 90]), [200, 100, 90]);
    }

    #[test]
    fn what_is_no_rgb_profile_changes_nothing() {
        let grey = ColorProfile::new_gray_with_gamma(1.8).encode().unwrap();
        let mut cut = ColorProfile::new_adobe_rgb().encode().unwrap();
        cut.truncate(200);
        for profile in [&grey[..], &cut, b"", &[0xff; 300], &vec![0; MAX_PROFILE]] {
            assert_eq!(converted(profile, [200, 100, 90]), [200, 100, 90]);
        }
    }
}
