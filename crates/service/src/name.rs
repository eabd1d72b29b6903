//! What people call things that lists show.

use crate::ServiceError;
use scan::{Normalised, Warning};

/// A name on one line, of 1 to `most` characters. None of them controls anything: neither a terminal nor the direction of
/// what stands around it (Unicode's Bidi_Control), nor is it there without being seen.
pub(crate) fn checked(member: &str, name: String, most: usize) -> Result<String, ServiceError> {
    let controls = |c: char| {
        c.is_control()
            || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let is_seen = || !Normalised::new(&name).findings().contains_key(&Warning::HiddenCharacters);
    if (1..=most).contains(&name.chars().count()) && !name.contains(controls) && is_seen() {
        return Ok(name);
    }
    let rule = format!(
        "`{member}` must be 1 to {most} characters on one line, without control, direction or invisible characters."
    );
    Err(ServiceError::InvalidRequest(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_readers_see() {
        for name in ["CI", "Müller & Söhne", "مفتاح", "می\u{200c}خواهم", "👩\u{200d}💻 laptop", "鍵"]
        {
            assert!(checked("name", name.to_owned(), 64).is_ok(), "{name}");
        }
        for c in "\0\n\t\u{1b}\u{7f}\u{85}\u{61c}\u{200b}\u{200e}\u{200f}\u{202e}\u{2028}\u{2029}\u{2060}\u{2066}\u{2069}\u{3164}\u{feff}".chars() {
            for name in [format!("a{c}b"), format!("مف{c}تاح"), format!("a{c}")] {
                assert!(checked("name", name, 64).is_err(), "U+{:04X}", u32::from(c));
            }
        }
    }
}
