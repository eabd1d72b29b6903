//! Whether EXIF's make and model are a camera's. Generators fill these fields too: with a whole graph, or with the name
//! of a company and of a model that never saw light.

use super::clean;

/// Makers of cameras, phones and scanners, by a word that is in the field in every one of their spellings.
const MAKERS: &str = "\
    acer agfa agfaphoto apple arashi asus benq blackberry canon casio concord contax cubot dji doogee epson \
    fairphone flir fuji fujifilm fujitsu ge google gopro hasselblad hmd honor hp htc huawei insta360 jenoptik jvc \
    kodak konica kyocera leaf leica lenovo lg lge mamiya medion meizu microsoft minolta motorola nikon nokia nothing \
    olympus om oneplus oppo palm panasonic parrot pentax phase polaroid poco praktica realme redmi ricoh rollei \
    samsung sanyo sharp sigma skanhex sony tcl tecno toshiba traveler ulefone vivitar vivo xiaomi yakumo zte";

/// Make and model as one name, if they are a camera's: short names, and of a known maker unless the block also tells of
/// an exposure (`exposed`).
pub(super) fn camera(make: &str, model: &str, exposed: bool) -> Option<String> {
    let (make, model) = (plausible(make)?, plausible(model)?);
    let lower = make.to_lowercase();
    let known = || lower.split(|c: char| !c.is_alphanumeric()).any(|word| MAKERS.split(' ').any(|maker| maker == word));
    if !exposed && !known() {
        return None;
    }
    // Many models repeat the maker: `Canon` and `Canon EOS 40D`.
    let maker = lower.split(' ').next().unwrap_or_default();
    let repeats = model.to_lowercase().starts_with(maker);
    Some(if repeats { model } else { format!("{make} {model}") })
}

/// Makers and models are short names. (ComfyUI keeps its whole graph in these two fields.)
fn plausible(text: &str) -> Option<String> {
    let name = clean(text)?;
    let odd = |c: char| matches!(c, '{' | '}' | '[' | ']' | '<' | '>' | '"' | '=' | ':' | '\\');
    (name.chars().count() <= 64 && name.chars().any(char::is_alphanumeric) && !name.contains(odd)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_maker_or_an_exposure_makes_a_camera() {
        for (make, model, exposed, expected) in [
            ("Canon", "Canon EOS 40D", false, Some("Canon EOS 40D")),
            ("NIKON CORPORATION", "NIKON D90", false, Some("NIKON D90")),
            ("EASTMAN KODAK COMPANY", "KODAK CX7530", false, Some("EASTMAN KODAK COMPANY KODAK CX7530")),
            ("OM Digital Solutions", "OM-1", false, Some("OM-1")),
            ("samsung  ", "SM-J320F", false, Some("samsung SM-J320F")),
            ("A maker of tomorrow", "X 1", true, Some("A maker of tomorrow X 1")),
            ("A maker of tomorrow", "X 1", false, None),
            ("Black Forest Labs", "flux-dev", false, None),
            ("UNO", "flux-dev", false, None),
            ("workflow:{}", "prompt:{}", true, None),
            ("Canon", "", true, None),
        ] {
            assert_eq!(camera(make, model, exposed).as_deref(), expected, "{make}, {model}");
        }
    }
}
