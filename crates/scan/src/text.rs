//! Text as content: its limits, and the normal form that every stage sees.

use crate::Warning;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
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
    /// without spaces count too.
    pub fn parse(content: String) -> Result<Self, TextError> {
        // A character is at most four bytes, so the first test bounds the work of the second.
        if content.len() > 4 * MAX_CHARACTERS || content.chars().count() > MAX_CHARACTERS {
            return Err(TextError::TooLong);
        }
        let words = content.unicode_words().count();
        if words < MIN_WORDS { Err(TextError::TooShort { words }) } else { Ok(Self { content, words }) }
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.content
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
    pub fn warnings(&self, normalised: &Normalised) -> BTreeSet<Warning> {
        let mut warnings = normalised.findings.clone();
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
    findings: BTreeSet<Warning>,
}

impl Normalised {
    /// Normalises `original`. Linear in its length; each original character yields at most 18 (the bound that
    /// NFKC has, Unicode Standard Annex #15).
    pub fn new(original: &str) -> Self {
        let original: Vec<char> = original.chars().collect();
        let mut this =
            Self { text: String::with_capacity(original.len()), origin: Vec::new(), findings: BTreeSet::new() };
        let mut at = 0;
        while at < original.len() {
            if is_invisible(original[at]) {
                // A single leading byte order mark or a joiner inside an emoji is ordinary writing.
                if !is_ordinary_invisible(&original, at) {
                    this.findings.insert(Warning::HiddenCharacters);
                }
                at += 1;
                continue;
            }
            let end = cluster_end(&original, at);
            for c in original[at..end].iter().copied().filter(|c| !is_invisible(*c)).nfkc() {
                this.push(straighten(c), at..end);
            }
            at = end;
        }
        if this.text.ends_with(' ') {
            this.text.pop();
            this.origin.pop();
        }
        this.read_lookalikes_as_latin();
        this
    }

    fn push(&mut self, c: char, origin: Range<usize>) {
        let c = if c.is_whitespace() || c.is_control() { ' ' } else { c };
        if c == ' ' && (self.text.is_empty() || self.text.ends_with(' ')) {
            return;
        }
        self.text.push(c);
        self.origin.push(origin);
    }

    /// Replaces look-alikes in words that also hold an ASCII letter and, where the text is mostly Latin, in words of
    /// nothing but look-alikes, such as a Cyrillic `а` for the article. Other words in Cyrillic or Greek stay.
    fn read_lookalikes_as_latin(&mut self) {
        if self.text.chars().all(|c| latin_lookalike(c).is_none()) {
            return;
        }
        let latin = self.text.bytes().filter(u8::is_ascii_alphabetic).count();
        let is_foreign = |c: &char| c.is_alphabetic() && !c.is_ascii() && latin_lookalike(*c).is_none();
        let is_latin_text = latin > self.text.chars().filter(is_foreign).count();
        let mut replaced = String::with_capacity(self.text.len());
        for word in self.text.split_inclusive(|c: char| !c.is_alphabetic()) {
            let is_latin = word.bytes().any(|b| b.is_ascii_alphabetic())
                || (is_latin_text && word.chars().all(|c| !c.is_alphabetic() || latin_lookalike(c).is_some()));
            if is_latin && word.chars().any(|c| latin_lookalike(c).is_some()) {
                self.findings.insert(Warning::Homoglyphs);
                replaced.extend(word.chars().map(|c| latin_lookalike(c).unwrap_or(c)));
            } else {
                replaced.push_str(word);
            }
        }
        self.text = replaced;
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

/// End of the base character at `at` with the combining marks (and invisible characters) that follow it.
/// NFKC composes within such a cluster only.
fn cluster_end(text: &[char], at: usize) -> usize {
    // Unicode's stream-safe format (UAX #15, section 13) allows 30 marks; more are cut into further clusters.
    let marks = text[at + 1..].iter().take(30).take_while(|c| is_combining_mark(**c)).count();
    at + 1 + marks
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}')
}

fn is_ordinary_invisible(text: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| text[i]);
    match text[at] {
        '\u{FEFF}' => at == 0,
        '\u{200D}' | '\u{FE0F}' => before.is_some_and(|c| !c.is_ascii_alphanumeric() && !c.is_whitespace()),
        _ => false,
    }
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

/// The Latin letter that a Cyrillic, Greek or Armenian letter is drawn like, after Unicode's confusables
/// (UTS #39); only letters that readers really take for Latin ones.
fn latin_lookalike(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' => 'a',
        'ϲ' | 'с' => 'c',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'ɡ' => 'g',
        'һ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'ј' => 'j',
        'ԛ' => 'q',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' => 'I',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'У' | 'Υ' => 'Y',
        'Х' | 'Χ' => 'X',
        'Ζ' => 'Z',
        _ => return None,
    })
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

    #[test]
    fn invisible_characters_are_removed_and_reported() {
        let n = Normalised::new("de\u{200b}tec\u{2060}tor");
        assert_eq!(n.as_str(), "detector");
        assert!(n.findings.contains(&Warning::HiddenCharacters));
        assert!(Normalised::new("\u{feff}plain ❤\u{fe0f}").findings.is_empty());
    }

    #[test]
    fn lookalikes_are_read_as_latin_in_latin_words_and_latin_texts() {
        let attacked = Normalised::new("The сat sаt оn the mаt");
        assert_eq!(attacked.as_str(), "The cat sat on the mat");
        assert!(attacked.findings.contains(&Warning::Homoglyphs));
        let article = Normalised::new("This is а test, and Москва stays");
        assert_eq!(article.as_str(), "This is a test, and Москва stays");
        let russian = Normalised::new("Он а не я, about которой речь");
        assert_eq!(russian.as_str(), "Он а не я, about которой речь");
        assert!(russian.findings.is_empty());
        let russian = Normalised::new("Кот сидел на ковре");
        assert_eq!(russian.as_str(), "Кот сидел на ковре");
        assert!(russian.findings.is_empty());
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
