//! Characters that readers do not see: which of them a language needs where it stands, and which hide something.
//!
//! What is invisible is Unicode's `Default_Ignorable_Code_Point` (UAX #44), the controls that separate nothing, and a
//! few characters that are blank though no property says so. What is needed follows the chapters of the Unicode Standard
//! on each script, UAX #31 (joiners), UTS #37 (ideographic variation) and UTS #51 (emoji).

use super::script;
use icu_properties::props::{
    BidiClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic, GeneralCategory,
    GeneralCategoryGroup, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::char::is_combining_mark;

/// Scripts in which a joiner or non-joiner changes how a word is written (UAX #31, section 2.3).
const JOINING: [Script; 22] = [
    Script::Arabic,
    Script::Syriac,
    Script::Mongolian,
    Script::Nko,
    Script::Mandaic,
    Script::Manichaean,
    Script::PhagsPa,
    Script::Adlam,
    Script::Devanagari,
    Script::Bengali,
    Script::Gurmukhi,
    Script::Gujarati,
    Script::Oriya,
    Script::Tamil,
    Script::Telugu,
    Script::Kannada,
    Script::Malayalam,
    Script::Sinhala,
    Script::Khmer,
    Script::Myanmar,
    Script::Tibetan,
    Script::Balinese,
];
/// Scripts that write no spaces between words, and mark where a line may break (Unicode Standard, section 23.2).
const UNSPACED: [Script; 9] = [
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
    Script::Tibetan,
    Script::TaiTham,
    Script::TaiViet,
    Script::NewTaiLue,
    Script::Javanese,
];
/// Scripts with standardized variation sequences of U+FE00 and the following (StandardizedVariants.txt).
const VARIED: [Script; 5] =
    [Script::Han, Script::Myanmar, Script::PhagsPa, Script::Manichaean, Script::EgyptianHieroglyphs];
/// How far around a blank Braille cell others are looked for: a line of a picture made of them.
const BRAILLE_REACH: usize = 40;

/// Whether readers see a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// They do, or it separates words.
    Visible,
    /// They do not, and the language or the emoji around it needs it.
    Needed,
    /// They do not, and nothing around it needs it.
    Hidden,
}

/// A text with what is known of the whole of it.
pub(super) struct Characters<'a> {
    text: &'a [char],
    is_right_to_left: bool,
}

impl<'a> Characters<'a> {
    pub(super) fn new(text: &'a [char]) -> Self {
        let class = CodePointMapData::<BidiClass>::new();
        let leads_left = |c: &char| {
            *c >= '\u{590}'
                && matches!(class.get(*c), BidiClass::RightToLeft | BidiClass::ArabicLetter)
                && !is_unseen(*c)
        };
        Self { text, is_right_to_left: text.iter().any(leads_left) }
    }

    /// Whether readers see the character at `at`.
    pub(super) fn sight(&self, at: usize) -> Sight {
        match self.text[at] {
            c if !is_unseen(c) => Sight::Visible,
            '\u{2800}' if self.is_in_braille(at) => Sight::Visible,
            _ if self.is_needed(at) => Sight::Needed,
            _ => Sight::Hidden,
        }
    }

    /// Whether a space of unusual width stands at `at` between two letters, where an ordinary one belongs. Beside digits
    /// and marks typography uses such spaces, as French does, and Mongolian inside words.
    pub(super) fn is_lookalike_space(&self, at: usize) -> bool {
        let is_letter = |c: char| c.is_alphabetic() && script(c) != Script::Mongolian;
        matches!(self.text[at], '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}')
            && self.before(at).is_some_and(is_letter)
            && self.after(at).is_some_and(is_letter)
    }

    fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).map(|i| self.text[i])
    }

    fn after(&self, at: usize) -> Option<char> {
        self.text.get(at + 1).copied()
    }

    /// Whether a character that is seen and passes the test stands right before or after.
    fn is_beside(&self, at: usize, test: impl Fn(char) -> bool) -> bool {
        [self.before(at), self.after(at)].into_iter().flatten().any(|c| !is_unseen(c) && test(c))
    }

    fn is_beside_script(&self, at: usize, scripts: &[Script]) -> bool {
        self.is_beside(at, |c| scripts.contains(&script(c)))
    }

    fn is_needed(&self, at: usize) -> bool {
        match self.text[at] {
            // A byte order mark.
            '\u{FEFF}' => at == 0,
            // A soft hyphen, where a word may be divided.
            '\u{AD}' => {
                let is_in_word = |c: Option<char>| c.is_some_and(|c| !is_unseen(c) && !c.is_whitespace());
                is_in_word(self.before(at)) && is_in_word(self.after(at))
            }
            '\u{200C}' => self.is_beside_script(at, &JOINING),
            '\u{200D}' => self.is_beside_script(at, &JOINING) || self.joins_emoji(at),
            '\u{200B}' => self.is_beside_script(at, &UNSPACED),
            // Marks, embeddings and isolates order mixed lines; overrides, U+202D and U+202E, only disguise.
            '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{202A}'..='\u{202C}' | '\u{2066}'..='\u{2069}' => {
                self.is_right_to_left
            }
            '\u{FE00}'..='\u{FE0F}' => {
                self.before(at).is_some_and(|base| takes_variation(base, self.text[at], self.after(at)))
            }
            '\u{E0100}'..='\u{E01EF}' => self.before(at).is_some_and(|base| script(base) == Script::Han),
            '\u{E0020}'..='\u{E007F}' => self.is_in_flag(at),
            '\u{180B}'..='\u{180F}' => self.is_beside_script(at, &[Script::Mongolian]),
            '\u{17B4}' | '\u{17B5}' => self.is_beside_script(at, &[Script::Khmer]),
            '\u{1BCA0}'..='\u{1BCA3}' => self.is_beside_script(at, &[Script::Duployan]),
            '\u{1D173}'..='\u{1D17A}' => self.is_beside(at, |c| matches!(c, '\u{1D100}'..='\u{1D1FF}')),
            '\u{115F}' | '\u{1160}' => self.is_beside(
                at,
                |c| matches!(c, '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97F}' | '\u{D7B0}'..='\u{D7FF}'),
            ),
            '\u{3164}' => self.is_beside(at, |c| matches!(c, '\u{3131}'..='\u{318E}')),
            '\u{FFA0}' => self.is_beside(at, |c| matches!(c, '\u{FFA1}'..='\u{FFDC}')),
            // Keeps marks apart, as in the Hebrew Bible (Unicode Standard, section 23.2).
            '\u{34F}' => {
                self.is_beside_script(at, &[Script::Hebrew])
                    || [self.before(at), self.after(at)]
                        .iter()
                        .all(|c| c.is_some_and(|c| is_combining_mark(c) && !is_unseen(c)))
            }
            _ => false,
        }
    }

    /// UTS #51, section 1.4.9: a joiner between two elements of a ZWJ sequence.
    fn joins_emoji(&self, at: usize) -> bool {
        let is_pictograph = |c: char| CodePointSetData::new::<ExtendedPictographic>().contains(c);
        let ends_element = |c: char| {
            is_pictograph(c)
                || matches!(c, '\u{FE0F}' | '\u{E007F}')
                || CodePointSetData::new::<EmojiModifier>().contains(c)
        };
        self.before(at).is_some_and(ends_element) && self.after(at).is_some_and(is_pictograph)
    }

    /// UTS #51, annex C: a black flag, three to six tags that name a region, and the tag that ends them.
    fn is_in_flag(&self, at: usize) -> bool {
        const LONGEST: usize = 7;
        let is_tag = |c: &char| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
        let before = self.text[..at].iter().rev().take(LONGEST).take_while(|c| is_tag(c)).count();
        let after = self.text[at..].iter().take(LONGEST).take_while(|c| is_tag(c)).count();
        let flag = at.checked_sub(before + 1).and_then(|i| self.text.get(i));
        flag == Some(&'\u{1F3F4}')
            && (3..LONGEST).contains(&(before + after))
            && self.text.get(at + after) == Some(&'\u{E007F}')
    }

    fn is_in_braille(&self, at: usize) -> bool {
        let is_blank = |c: &char| *c == '\u{2800}' || c.is_whitespace();
        let before = self.text[..at].iter().rev().take(BRAILLE_REACH).find(|c| !is_blank(c));
        let after = self.text[at..].iter().take(BRAILLE_REACH).find(|c| !is_blank(c));
        [before, after].into_iter().flatten().any(|c| matches!(c, '\u{2801}'..='\u{28FF}'))
    }
}

/// Whether a variation selector of the first sixteen may follow `base`, before `after`.
fn takes_variation(base: char, selector: char, after: Option<char>) -> bool {
    let is_symbol = || GeneralCategoryGroup::Symbol.contains(CodePointMapData::<GeneralCategory>::new().get(base));
    match base {
        '0'..='9' | '#' | '*' => after == Some('\u{20E3}') || (base == '0' && selector == '\u{FE00}'),
        _ if base.is_ascii() || is_unseen(base) => false,
        '\u{3001}'..='\u{303F}' | '\u{FF01}'..='\u{FF60}' => true,
        _ => is_symbol() || CodePointSetData::new::<Emoji>().contains(base) || VARIED.contains(&script(base)),
    }
}

/// Whether nothing is drawn for a character, whatever stands around it.
fn is_unseen(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // These separate words or lines (Unicode's White_Space, without the vertical tab).
        '\t' | '\n' | '\u{C}' | '\r' | '\u{85}' => false,
        c if c.is_control() => true,
        // A Braille cell without dots, and the marks of interlinear annotation.
        '\u{2800}' | '\u{FFF9}'..='\u{FFFB}' => true,
        c => CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sights(text: &str) -> Vec<Sight> {
        let text: Vec<char> = text.chars().collect();
        let characters = Characters::new(&text);
        (0..text.len()).map(|at| characters.sight(at)).collect()
    }

    fn count(text: &str, wanted: Sight) -> usize {
        sights(text).into_iter().filter(|sight| *sight == wanted).count()
    }

    #[test]
    fn every_default_ignorable_code_point_and_control_inside_a_latin_word_is_hidden() {
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        for c in ('\0'..=char::MAX).filter(|c| ignorable.contains(*c) || c.is_control()) {
            let expected = match c {
                '\t' | '\n' | '\u{C}' | '\r' | '\u{85}' => Sight::Visible,
                '\u{AD}' => Sight::Needed,
                _ => Sight::Hidden,
            };
            assert_eq!(sights(&format!("wo{c}rd"))[2], expected, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn what_languages_and_emoji_need_is_told_from_what_hides() {
        let needed = [
            "\u{feff}plain",
            "co\u{ad}operation",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "സന്തോഷ് വന\u{d4d}\u{200d}",
            "👩\u{200d}💻",
            "👩🏽\u{200d}🚀",
            "❤\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "ℹ\u{fe0f}",
            "©\u{fe0e}",
            "葛\u{e0100}",
            "ᠨ\u{180b}ᠢ",
            "ភា\u{17b5}សា",
            "ᄀ\u{1160}ᆨ",
            "\u{3164}ㅏ",
            "\u{ffa0}ﾡ",
            "السعر 5\u{200f} USD",
            "ไทย\u{200b}ภาษา",
            "שׁ\u{34f}ָ",
        ];
        for text in needed {
            assert_eq!((count(text, Sight::Needed), count(text, Sight::Hidden)), (1, 0), "{}", text.escape_unicode());
        }
        let flag = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        assert_eq!((count(flag, Sight::Needed), count(flag, Sight::Hidden)), (6, 0));
        assert_eq!(count("⠓⠑⠇⠇⠕\u{2800}⠺⠕⠗⠇⠙", Sight::Visible), 11);
    }

    #[test]
    fn the_same_characters_elsewhere_are_hidden() {
        let hidden = [
            ("a \u{feff}b", 1),
            ("wo\u{ad}\u{ad}rd", 2),
            ("wo\u{200c}rd", 1),
            ("👩\u{200d}word", 1),
            ("word\u{fe0f}", 1),
            ("1\u{fe0f}", 1),
            ("😀\u{e0148}\u{e0155}\u{e015c}", 3),
            ("😀\u{fe0f}\u{fe0e}\u{fe0f}", 2),
            ("🏴\u{e0067}\u{e0062}", 2),
            ("🏴\u{e0068}\u{e0069}\u{e0064}\u{e0064}\u{e0065}\u{e006e}\u{e0078}\u{e007f}", 8),
            ("\u{e0068}\u{e0069}", 2),
            ("only \u{200f}left to right\u{202e}", 2),
            ("עברית \u{202e}x", 1),
            ("wo\u{2800}rd", 1),
            ("\u{3164}\u{3164}", 2),
        ];
        for (text, expected) in hidden {
            assert_eq!(count(text, Sight::Hidden), expected, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn wide_and_narrow_spaces_are_lookalikes_between_letters_only() {
        let found = |text: &str| {
            let text: Vec<char> = text.chars().collect();
            let characters = Characters::new(&text);
            (0..text.len()).filter(|at| characters.is_lookalike_space(*at)).count()
        };
        assert_eq!(found("one\u{202f}two\u{2009}three\u{2003}four"), 3);
        assert_eq!(found("Vraiment\u{202f}? 10\u{202f}000\u{202f}km «\u{202f}oui\u{202f}»"), 0);
        assert_eq!(found("ᠮᠣᠩᠭᠣᠯ\u{202f}ᠤᠨ"), 0);
    }
}
