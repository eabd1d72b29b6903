//! What people do to texts so that a detector misses them: how well it holds is measured by doing it.

use super::dataset::lot;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Share of the letters with a look-alike that are replaced by it.
const HOMOGLYPHS: f64 = 0.1;
/// Share of the places inside words that get an invisible character.
const ZERO_WIDTHS: f64 = 0.1;
/// Shares of the spaces that are doubled and that become line ends, and of the punctuation that gets a space before it.
const DOUBLED: f64 = 0.1;
const BROKEN: f64 = 0.03;
const SPACED: f64 = 0.2;
/// Share of the words whose first letter changes its case.
const RECASED: f64 = 0.05;
/// Share of the words that are misspelt.
const MISSPELT: f64 = 0.03;
/// Shorter words stay as they are.
const MISSPELT_LETTERS: usize = 4;

/// Latin letters and what looks like them in Cyrillic or Greek.
const LOOKALIKES: [(char, char); 20] = [
    ('a', '\u{430}'),
    ('c', '\u{441}'),
    ('e', '\u{435}'),
    ('i', '\u{456}'),
    ('j', '\u{458}'),
    ('o', '\u{3bf}'),
    ('p', '\u{440}'),
    ('s', '\u{455}'),
    ('x', '\u{445}'),
    ('y', '\u{443}'),
    ('A', '\u{410}'),
    ('B', '\u{412}'),
    ('C', '\u{421}'),
    ('E', '\u{395}'),
    ('H', '\u{41d}'),
    ('K', '\u{39a}'),
    ('M', '\u{41c}'),
    ('O', '\u{41e}'),
    ('P', '\u{420}'),
    ('T', '\u{422}'),
];
/// Zero-width space, non-joiner and joiner, and the word joiner.
const INVISIBLE: [char; 4] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}'];

/// One treatment of a text, the same for both labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// The text as it is.
    #[default]
    None,
    /// A tenth of the letters that have a Cyrillic or Greek look-alike are replaced by it.
    Homoglyph,
    /// Invisible characters inside words.
    ZeroWidth,
    /// Doubled spaces, line ends amid sentences, spaces before punctuation.
    Whitespace,
    /// Every twentieth word begins in the other case.
    Case,
    /// Three words of a hundred have two letters swapped, one dropped or one doubled.
    Misspelling,
}

impl Attack {
    /// The text after the treatment. What is hit depends on `seed` and the text's `id` alone.
    pub fn apply(self, text: &str, id: &str, seed: u64) -> String {
        let mut random = StdRng::from_seed(lot(id, seed));
        match self {
            Attack::None => text.to_owned(),
            Attack::Homoglyph => homoglyphs(text, &mut random),
            Attack::ZeroWidth => zero_widths(text, &mut random),
            Attack::Whitespace => whitespace(text, &mut random),
            Attack::Case => by_word(text, &mut random, RECASED, |word, _| recased(word)),
            Attack::Misspelling => by_word(text, &mut random, MISSPELT, misspelt),
        }
    }
}

fn homoglyphs(text: &str, random: &mut StdRng) -> String {
    let replaced = |c: char| match LOOKALIKES.iter().find(|(latin, _)| *latin == c) {
        Some((_, lookalike)) if random.random_bool(HOMOGLYPHS) => *lookalike,
        _ => c,
    };
    text.chars().map(replaced).collect()
}

fn zero_widths(text: &str, random: &mut StdRng) -> String {
    let mut attacked = String::with_capacity(text.len());
    let mut is_in_word = false;
    for c in text.chars() {
        if is_in_word && c.is_alphabetic() && random.random_bool(ZERO_WIDTHS) {
            attacked.push(INVISIBLE[random.random_range(0..INVISIBLE.len())]);
        }
        is_in_word = c.is_alphabetic();
        attacked.push(c);
    }
    attacked
}

fn whitespace(text: &str, random: &mut StdRng) -> String {
    let mut attacked = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            ' ' if random.random_bool(DOUBLED) => attacked.push_str("  "),
            ' ' if random.random_bool(BROKEN) => attacked.push('\n'),
            '.' | ',' | ';' | ':' | '!' | '?' if random.random_bool(SPACED) => {
                attacked.push(' ');
                attacked.push(c);
            }
            _ => attacked.push(c),
        }
    }
    attacked
}

/// Changes a share of the words; what stands between them stays.
fn by_word(text: &str, random: &mut StdRng, share: f64, change: fn(&str, &mut StdRng) -> String) -> String {
    let mut attacked = String::with_capacity(text.len() + 16);
    for word in text.split_inclusive(char::is_whitespace) {
        if random.random_bool(share) {
            attacked.push_str(&change(word, random));
        } else {
            attacked.push_str(word);
        }
    }
    attacked
}

fn recased(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) if first.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The first letter stays, as in most typing errors.
fn misspelt(word: &str, random: &mut StdRng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let length = letters.iter().take_while(|c| c.is_alphabetic()).count();
    if length >= MISSPELT_LETTERS {
        let at = random.random_range(1..length - 1);
        match random.random_range(0..3) {
            0 => letters.swap(at, at + 1),
            1 => {
                letters.remove(at);
            }
            _ => letters.insert(at, letters[at]),
        }
    }
    letters.into_iter().collect()
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::Normalised;

    /// A thousand words.
    fn text() -> String {
        "Every morning, the postman came early; nobody knew why. ".repeat(112).trim_end().to_owned()
    }

    /// How many places of two texts of the same shape differ.
    fn differing<'a>(a: impl Iterator<Item = &'a str>, b: impl Iterator<Item = &'a str>) -> usize {
        a.zip(b).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn an_attack_depends_on_text_and_seed_alone() {
        for &attack in Attack::value_variants() {
            assert_eq!(Attack::from_str(&attack.to_string(), false), Ok(attack));
            assert_eq!(attack.apply(&text(), "a", 1), attack.apply(&text(), "a", 1), "{attack}");
            let is_treated = attack != Attack::None;
            assert_eq!(attack.apply(&text(), "a", 1) != text(), is_treated, "{attack}");
            assert_eq!(attack.apply(&text(), "a", 1) != attack.apply(&text(), "b", 1), is_treated, "{attack}");
            assert_eq!(attack.apply("", "a", 1), "");
        }
    }

    #[test]
    fn each_attack_changes_the_share_that_it_says() {
        let (plain, words) = (text(), text().split_whitespace().count());
        let changed = |attack: Attack| {
            let attacked = attack.apply(&plain, "a", 1);
            differing(plain.split_whitespace(), attacked.split_whitespace()) as f64 / words as f64
        };
        assert!((0.03..0.07).contains(&changed(Attack::Case)), "{}", changed(Attack::Case));
        // A third of the words are too short, and swapping two equal letters changes nothing.
        assert!((0.01..0.04).contains(&changed(Attack::Misspelling)), "{}", changed(Attack::Misspelling));
        let attacked = Attack::Homoglyph.apply(&plain, "a", 1);
        let letters = plain.chars().zip(attacked.chars()).filter(|(a, b)| a != b).count();
        let letters = letters as f64 / plain.len() as f64;
        assert!((0.02..0.08).contains(&letters), "{letters}");
    }

    #[test]
    fn invisible_characters_and_look_alikes_are_read_through() {
        let normal = |text: &str| Normalised::new(text).as_str().to_owned();
        for attack in [Attack::ZeroWidth, Attack::Homoglyph] {
            assert_eq!(normal(&attack.apply(&text(), "a", 1)), normal(&text()), "{attack}");
        }
    }

    #[test]
    fn whitespace_keeps_every_other_character() {
        let without = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let attacked = Attack::Whitespace.apply(&text(), "a", 1);
        assert_eq!(without(&attacked), without(&text()));
        assert!(attacked.contains("  ") && attacked.contains('\n') && attacked.contains(" ,"));
    }
}
