//! Text as content: its limits, and the normal form that every stage sees.

mod invisible;
mod latin;
mod lookalikes;

use crate::Warning;
use crate::warning::Occurrences;
use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use invisible::{Characters, Sight};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// More characters than this are refused.
pub const MAX_CHARACTERS: usize = 100_000;
/// Fewer words than this are refused.
pub const MIN_WORDS: usize = 5;
/// Fewer words than this are never called AI-generated.
pub const SHORT_WORDS: usize = 50;

/// A text that may be scanned: at least [`MIN_WORDS`] words, at most [`MAX_CHARACTERS`] characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    content: String,
    normalised: Normalised,
    words: usize,
}

/// Content is private: its debug form tells its size only, so that no log can carry it.
impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Text({} words)", self.words)
    }
}

/// The text cannot be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Too few words.
    #[error("content has {words} words; at least {MIN_WORDS} are needed, and 50 or more give a reliable answer")]
    TooShort {
        /// How many it has.
        words: usize,
    },
    /// Too many characters.
    #[error("content has more than {MAX_CHARACTERS} characters; split it and scan the parts")]
    TooLong,
}

impl Text {
    /// Checks the limits. Words are counted as Unicode word boundaries give them (UAX #29), so that scripts
    /// without spaces count too; in the normal form, because some boundaries are not where people see spaces (U+202F).
    pub fn parse(content: String) -> Result<Self, TextError> {
        // A character is at most four bytes, so the first test bounds the work of the second.
        if content.len() > 4 * MAX_CHARACTERS || content.chars().count() > MAX_CHARACTERS {
            return Err(TextError::TooLong);
        }
        let normalised = Normalised::new(&content);
        let words = normalised.as_str().unicode_words().count();
        if words < MIN_WORDS { Err(TextError::TooShort { words }) } else { Ok(Self { content, normalised, words }) }
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.content
    }

    /// The form that every stage sees.
    pub fn normalised(&self) -> &Normalised {
        &self.normalised
    }

    /// Number of words.
    pub fn words(&self) -> usize {
        self.words
    }

    /// SHA-256 of the UTF-8 bytes, in hexadecimal: what a stored scan keeps instead of the text.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.content.as_bytes()))
    }

    /// What the text's form gives reason to warn of. See [`Warning`].
    pub fn warnings(&self) -> BTreeSet<Warning> {
        let mut warnings: BTreeSet<_> = self.normalised.findings.keys().copied().collect();
        if self.words < SHORT_WORDS {
            warnings.insert(Warning::ShortText);
        }
        warnings
    }
}

/// The form that every stage sees, the same as the packs' training data: NFKC, invisible characters removed,
/// look-alike letters read as Latin inside Latin words, straight quotes, single spaces.
#[derive(Clone, PartialEq, Eq)]
pub struct Normalised {
    text: String,
    /// For every character of `text`, the range of characters of the original that it stands for.
    origin: Vec<Range<usize>>,
    findings: BTreeMap<Warning, Occurrences>,
}

impl Normalised {
    /// Normalises `original`. Linear in its length; each original character yields at most 18 (the bound that
    /// NFKC has, Unicode Standard Annex #15).
    pub fn new(original: &str) -> Self {
        let text = String::with_capacity(original.len());
        let original: Vec<char> = original.chars().collect();
        let mut this = Self { text, origin: Vec::new(), findings: BTreeMap::new() };
        let seen = this.seen(&original);
        let mut rest = &seen[..];
        while let [(at, _), ..] = rest {
            let (cluster, after) = rest.split_at(cluster_length(rest));
            let end = cluster.last().map_or(*at, |(last, _)| *last) + 1;
            for c in cluster.iter().map(|(_, c)| *c).nfkc() {
                this.push(straighten(c), *at..end);
            }
            rest = after;
        }
        if this.text.ends_with(' ') {
            this.text.pop();
            this.origin.pop();
        }
        if let Some(lookalikes) = lookalikes::find(&this.text) {
            let first = this.original_chars(&(lookalikes.first..lookalikes.first + 1)).start;
            this.findings.insert(Warning::Homoglyphs, Occurrences { count: lookalikes.letters, first });
            this.text = lookalikes.text;
        }
        this
    }

    /// The characters that are seen, each with its place in the original; what is not is left out, and told of unless it
    /// belongs there.
    fn seen(&mut self, original: &[char]) -> Vec<(usize, char)> {
        let characters = Characters::new(original);
        let mut seen = Vec::with_capacity(original.len());
        for (at, c) in original.iter().enumerate() {
            match characters.sight(at) {
                Sight::Visible => seen.push((at, *c)),
                Sight::Needed => {}
                Sight::Hidden => self.find(Warning::HiddenCharacters, at),
            }
            if characters.is_lookalike_space(at) {
                self.find(Warning::LookalikeSpaces, at);
            }
        }
        seen
    }

    fn find(&mut self, warning: Warning, at: usize) {
        self.findings.entry(warning).or_insert(Occurrences { count: 0, first: at }).count += 1;
    }

    fn push(&mut self, c: char, origin: Range<usize>) {
        // A blank Braille cell is the space of Braille.
        let c = if c.is_whitespace() || c == '\u{2800}' { ' ' } else { c };
        if c == ' ' && (self.text.is_empty() || self.text.ends_with(' ')) {
            return;
        }
        self.text.push(c);
        self.origin.push(origin);
    }

    /// What was found in the text that a reader of the verdict should know, with how often and where.
    pub fn findings(&self) -> &BTreeMap<Warning, Occurrences> {
        &self.findings
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The range of original characters that a range of normalised characters stands for. Ranges beyond the
    /// end are cut to it.
    pub fn original_chars(&self, chars: &Range<usize>) -> Range<usize> {
        let inside = &self.origin[chars.start.min(self.origin.len())..chars.end.min(self.origin.len())];
        match (inside.first(), inside.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }
}

/// The script that a character belongs to (UAX #24).
fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// Length of the first base character with the combining marks that follow it. NFKC composes within such a cluster only.
fn cluster_length(text: &[(usize, char)]) -> usize {
    // Unicode's stream-safe format (UAX #15, section 13) allows 30 marks; more are cut into further clusters.
    1 + text.iter().skip(1).take(30).take_while(|(_, c)| is_combining_mark(*c)).count()
}

/// Typographic quotes as typewriters have them, which is how the packs' training data has them.
fn straighten(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{2033}' | '«' | '»' => '"',
        '\u{2010}' | '\u{2011}' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(s: &str) -> String {
        Normalised::new(s).as_str().to_owned()
    }

    #[test]
    fn texts_under_five_words_or_over_the_limit_are_refused() {
        assert_eq!(Text::parse("  \n ".into()), Err(TextError::TooShort { words: 0 }));
        assert_eq!(Text::parse("Your content here…".into()), Err(TextError::TooShort { words: 3 }));
        assert!(Text::parse("one two three four five".into()).is_ok());
        let exactly = "é ".repeat(MAX_CHARACTERS / 2);
        assert!(Text::parse(exactly.clone()).is_ok());
        assert_eq!(Text::parse(exactly + "x"), Err(TextError::TooLong));
    }

    #[test]
    fn words_count_in_scripts_without_spaces() {
        assert!(Text::parse("今日は天気がとても良いです".into()).is_ok());
    }

    #[test]
    fn quotes_spaces_and_widths_are_made_plain() {
        assert_eq!(normal("  “It’s”\r\n\r\n\tﬁne\u{a0}— ｙｅｓ…  "), "\"It's\" fine — yes...");
        assert_eq!(normal("cafe\u{301}"), "café");
    }

    /// A generated text with `hidden` after the second letter of each longer word, as an attacker puts it.
    fn peppered(hidden: char) -> String {
        let peppered = |word: &str| match word.char_indices().nth(2) {
            Some((at, _)) if word.len() > 4 => format!("{}{hidden}{}", &word[..at], &word[at..]),
            _ => word.to_owned(),
        };
        PLAIN.split(' ').map(peppered).collect::<Vec<_>>().join(" ")
    }

    const PLAIN: &str = "The proliferation of artificial intelligence has engendered a profound paradigm shift";

    #[test]
    fn characters_that_nobody_sees_are_removed_and_told_of_with_their_number_and_place() {
        for hidden in
            "\u{1}\u{8}\u{b}\u{7f}\u{80}\u{34f}\u{61c}\u{180f}\u{200b}\u{200d}\u{202e}\u{2060}\u{2800}\u{3164}\u{fe0f}\
                       \u{feff}\u{ffa0}\u{fff0}\u{fff9}\u{1bca0}\u{1d173}\u{e0041}\u{e0101}"
                .chars()
        {
            let n = Normalised::new(&peppered(hidden));
            assert_eq!(n.as_str(), PLAIN, "U+{:04X}", u32::from(hidden));
            let expected = BTreeMap::from([(Warning::HiddenCharacters, Occurrences { count: 7, first: 6 })]);
            assert_eq!(n.findings, expected, "U+{:04X}", u32::from(hidden));
        }
        for separator in "\t\n\u{c}\r\u{85}\u{2028}\u{2029}".chars() {
            let n = Normalised::new(&peppered(separator));
            assert!(n.as_str().starts_with("The pr oliferation") && n.findings.is_empty());
        }
        assert!(Normalised::new("\u{feff}plain ❤\u{fe0f}").findings.is_empty());
    }

    #[test]
    fn a_hidden_character_between_a_letter_and_its_mark_does_not_part_them() {
        assert_eq!(normal("cafe\u{200b}\u{301}"), "café");
        assert_eq!(normal("cafe\u{34f}\u{301} au lait"), "café au lait");
    }

    #[test]
    fn words_between_narrow_spaces_are_words() {
        let text = Text::parse("one\u{202f}two\u{202f}three\u{202f}four\u{202f}five\u{202f}six".into()).unwrap();
        assert_eq!((text.words(), text.normalised().as_str()), (6, "one two three four five six"));
        let spaces = Occurrences { count: 5, first: 3 };
        assert_eq!(text.normalised().findings()[&Warning::LookalikeSpaces], spaces);
        assert_eq!(Text::parse("a\u{200b}b c\u{3164}d e".into()), Err(TextError::TooShort { words: 3 }));
    }

    #[test]
    fn look_alikes_are_told_of_at_their_place_in_the_original() {
        let n = Normalised::new("\u{feff}“Plain”  words, then сat and dоg");
        assert_eq!(n.as_str(), "\"Plain\" words, then cat and dog");
        assert_eq!(n.findings, BTreeMap::from([(Warning::Homoglyphs, Occurrences { count: 2, first: 22 })]));
    }

    #[test]
    fn spans_lead_back_to_the_original() {
        let original = "a\u{200b} ﬁ   b";
        let n = Normalised::new(original);
        assert_eq!(n.as_str(), "a fi b");
        assert_eq!(n.original_chars(&(0..1)), 0..1);
        assert_eq!(n.original_chars(&(2..4)), 3..4);
        assert_eq!(n.original_chars(&(5..6)), 7..8);
        assert_eq!(n.original_chars(&(0..99)), 0..8);
        assert_eq!(n.original_chars(&(7..9)), 0..0);
    }

    #[test]
    fn debug_output_never_shows_content() {
        let text = Text::parse("one two three four secret".into()).unwrap();
        assert_eq!(format!("{text:?}"), "Text(5 words)");
    }
}
