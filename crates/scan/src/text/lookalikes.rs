//! Words that mix scripts so that a letter passes for a Latin one (UTS #39, section 5.1, mixed-script detection), and
//! what they read as.

use super::latin::{drawn_like, reminds_of};
use super::script;
use icu_properties::props::Script;

/// Scripts whose letters nobody takes for Latin: the recommended scripts (UAX #31, table 5) but for Cyrillic, Greek and
/// Armenian. A word that mixes Latin with any other is suspicious, as in UTS #39's moderately restrictive level.
const UNLIKE_LATIN: [Script; 27] = [
    Script::Common,
    Script::Inherited,
    Script::Unknown,
    Script::Arabic,
    Script::Bengali,
    Script::Bopomofo,
    Script::Devanagari,
    Script::Ethiopic,
    Script::Georgian,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Han,
    Script::Hangul,
    Script::Hebrew,
    Script::Hiragana,
    Script::Kannada,
    Script::Katakana,
    Script::Khmer,
    Script::Lao,
    Script::Malayalam,
    Script::Myanmar,
    Script::Oriya,
    Script::Sinhala,
    Script::Tamil,
    Script::Telugu,
    Script::Thaana,
    Script::Thai,
];

/// What stands in a word for what it is not.
pub(super) struct Lookalikes {
    /// The text with them read as Latin, character for character.
    pub(super) text: String,
    /// How many letters of another script stand in suspicious words.
    pub(super) letters: usize,
    /// The first of them: a character offset into the text.
    pub(super) first: usize,
}

/// The look-alikes in a text in normal form C; `None` if there are none.
pub(super) fn find(text: &str) -> Option<Lookalikes> {
    if text.is_ascii() {
        return None;
    }
    let words: Vec<Word> = text.split_inclusive(|c: char| !c.is_alphabetic()).map(Word::new).collect();
    let census = Census::of(&words);
    let mut found = Lookalikes { text: String::with_capacity(text.len()), letters: 0, first: 0 };
    let mut at = 0;
    for word in &words {
        if census.suspects(word) {
            if found.letters == 0 {
                found.first = at + word.text.chars().take_while(|c| !is_of_interest(*c)).count();
            }
            found.letters += word.foreign;
            found.text.extend(word.text.chars().map(|c| word.read(c)));
        } else {
            found.text.push_str(word.text);
        }
        at += word.text.chars().count();
    }
    (found.letters > 0).then_some(found)
}

fn is_of_interest(c: char) -> bool {
    !c.is_ascii() && c.is_alphabetic() && script(c) != Script::Latin && !UNLIKE_LATIN.contains(&script(c))
}

/// Letters up to a character that is none, and that character.
struct Word<'a> {
    text: &'a str,
    kind: Kind,
    /// Letters of scripts that look like Latin.
    foreign: usize,
    /// The script of the last of them.
    script: Script,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No letter of a script that looks like Latin: nothing to ask.
    Latin,
    /// Letters of such scripts, some of which look like no Latin one: a word of a language.
    Foreign,
    /// Letters of such a script, each of which is drawn like a Latin one: a word of it, or a disguise.
    Undecided,
    /// A name such as science and technology make of two scripts: `μm`, `TNFα`, `SMSка`.
    Compound,
    /// Latin and such letters, for no reason that is known.
    Mixed,
}

impl<'a> Word<'a> {
    fn new(text: &'a str) -> Self {
        let plain = Self { text, kind: Kind::Latin, foreign: 0, script: Script::Latin };
        if text.is_ascii() {
            return plain;
        }
        let letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
        let foreign: Vec<char> = letters.iter().copied().filter(|c| is_of_interest(*c)).collect();
        let Some(last) = foreign.last() else { return plain };
        let is_latin = |c: &char| script(*c) == Script::Latin;
        let kind = if letters.iter().any(is_latin) {
            if is_compound(&letters, &foreign) { Kind::Compound } else { Kind::Mixed }
        } else if letters.iter().all(|c| drawn_like(*c).is_some()) {
            Kind::Undecided
        } else {
            Kind::Foreign
        };
        Self { text, kind, foreign: foreign.len(), script: script(*last) }
    }

    /// What a letter of a suspicious word reads as. Where more letters look like nothing Latin than are Latin, it is the Latin
    /// ones that are strange, and the word stays as it is.
    fn read(&self, c: char) -> char {
        let unlike = self.text.chars().filter(|c| is_of_interest(*c) && reminds_of(*c).is_none()).count();
        let latin = self.text.chars().filter(|c| c.is_alphabetic() && script(*c) == Script::Latin).count();
        if unlike > latin { c } else { reminds_of(c).unwrap_or(c) }
    }

    /// A Greek letter alone.
    fn is_symbol(&self) -> bool {
        self.script == Script::Greek && self.only_letter().is_some()
    }

    fn only_letter(&self) -> Option<char> {
        let mut letters = self.text.chars().filter(|c| c.is_alphabetic());
        letters.next().filter(|_| letters.next().is_none())
    }
}

/// Whether a word of Latin and foreign letters is made of two parts that belong together.
fn is_compound(letters: &[char], foreign: &[char]) -> bool {
    let latin = letters.len() - foreign.len();
    let is_foreign = |c: &char| is_of_interest(*c);
    let boundaries = letters.windows(2).filter(|pair| is_foreign(&pair[0]) != is_foreign(&pair[1])).count();
    let is_abbreviation =
        letters.iter().filter(|c| !is_foreign(c)).all(|c| c.is_uppercase()) && foreign.iter().all(|c| c.is_lowercase());
    if foreign.iter().all(|c| script(*c) == Script::Greek) {
        // Omicron, iota and upsilon are nobody's symbols.
        let are_symbols = foreign.iter().all(|c| !matches!(c, 'ο' | 'ι' | 'υ' | 'Ο' | 'Ι' | 'Υ'));
        let is_short = foreign.len() == 1 && boundaries == 1;
        let is_prefix_or_unit = is_short && latin <= 4 && drawn_like(foreign[0]).is_none();
        return are_symbols && (is_abbreviation || is_prefix_or_unit || (is_short && latin == 1));
    }
    // An abbreviation with an ending, or two words in one.
    let has_ending = is_abbreviation && latin >= 2 && !is_foreign(&letters[0]);
    let is_two_words = foreign.len() >= 2 && latin >= 2 && foreign.iter().any(|c| drawn_like(*c).is_none());
    boundaries == 1 && (has_ending || is_two_words)
}

/// What the words of a text come to together.
struct Census {
    latin: usize,
    foreign: usize,
    mixed: usize,
    compounds: usize,
    /// Words of one letter that English has, and those that are a look-alike of one.
    single_latin: usize,
    single_lookalike: usize,
    scripts: Vec<Script>,
}

impl Census {
    fn of(words: &[Word]) -> Self {
        let count = |kind: Kind| words.iter().filter(|word| word.kind == kind).count();
        let single = |c: char| matches!(c, 'a' | 'A' | 'i' | 'I');
        let singles = || words.iter().filter_map(|word| Some((word, word.only_letter()?)));
        let mut scripts: Vec<Script> =
            words.iter().filter(|word| word.kind == Kind::Foreign).map(|word| word.script).collect();
        scripts.dedup();
        Self {
            latin: words
                .iter()
                .filter(|word| word.kind == Kind::Latin && word.text.contains(char::is_alphabetic))
                .count(),
            foreign: count(Kind::Foreign),
            mixed: count(Kind::Mixed),
            compounds: count(Kind::Compound) + singles().filter(|(word, _)| word.is_symbol()).count(),
            single_latin: singles().filter(|(_, c)| single(*c)).count(),
            single_lookalike: singles()
                .filter(|(word, c)| !word.is_symbol() && drawn_like(*c).is_some_and(single))
                .count(),
            scripts,
        }
    }

    /// Whether a word's foreign letters stand for Latin ones. Of those that might as well be meant, the rest of the text
    /// decides: where mixed words are many, nothing is a symbol; where most words of one letter are foreign, none is.
    fn suspects(&self, word: &Word) -> bool {
        let is_attacked = self.mixed > self.compounds;
        match word.kind {
            Kind::Latin | Kind::Foreign => false,
            Kind::Mixed => true,
            Kind::Compound => is_attacked,
            Kind::Undecided if self.latin <= self.foreign => false,
            Kind::Undecided if is_attacked => true,
            Kind::Undecided => match word.only_letter() {
                Some(_) => !word.is_symbol() && self.single_lookalike > self.single_latin,
                None => !self.scripts.contains(&word.script),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, usize) {
        find(text).map_or((text.to_owned(), 0), |found| (found.text, found.letters))
    }

    fn assert_left(text: &str) {
        assert_eq!(read(text), (text.to_owned(), 0), "{text}");
    }

    #[test]
    fn a_word_that_mixes_latin_with_letters_like_it_is_suspicious_known_or_not() {
        assert_eq!(read("The сat sаt оn the mаt"), ("The cat sat on the mat".to_owned(), 4));
        for (mixed, plain) in
            [("intelӏigence", "intelligence"), ("cհange", "cհange"), ("iոovaտive", "inovaտive"), ("аtteмpт", "attempt")]
        {
            let (text, letters) = read(mixed);
            assert!(text == plain && letters > 0, "{mixed}: {text}");
        }
        let replaced = "Uӏтiмaтeӏy, eмвгacing тгansfoгмaтive тechոoӏogy foг eveгyday тasкs";
        assert!(read(replaced).0.contains("transformative technology for everyday tasks"));
        // Cherokee and Coptic letters, in words of Latin ones.
        assert_eq!((read("pᎪper").1, read("pⲟper").1), (1, 1));
        assert_eq!(find("plain words, сat").unwrap().first, 13);
    }

    #[test]
    fn letters_in_their_own_right_stay() {
        for text in [
            "On the way back we met Fazıl Kıbrıslı and his cousin Işıl from Diyarbakır, at Kadıköy.",
            "Adamın adı Işık'tı, kışın çalışmıyordu.",
            "The level was set at α = 0.05 with Spearman's ρ. We estimated γ and χ, then compared ν degrees.",
            "pronounced /ɡəʊ/ by some and /dɒɡ/ by others",
            "five μm wide, Δx of 3 kΩ, TNFα and NFκB, at Hα; hν and cosθ",
            "Кот сидел на ковре",
            "Он а не я, в котором that речь идёт",
            "Отправил SMSку и два PDFа из web-сайта",
            "He quoted: выносить сор из избы, as they say",
            "東京でTシャツを買った and 한국어 K팝 too",
            "naïve Ωmega-free façade",
        ]
        .map(|text| text.replace("Ωmega-free", "omega-free"))
        {
            assert_left(&text);
        }
    }

    #[test]
    fn words_of_look_alikes_alone_are_judged_by_the_rest_of_the_text() {
        let article = read("This is а test, and Москва stays");
        assert_eq!(article, ("This is a test, and Москва stays".to_owned(), 1));
        assert_left("This is a test of the letter а, and a second one");
        assert_eq!(read("we want реасе now").0, "we want peace now");
        assert_eq!(read("the vаlue of α is smаll").0, "the value of a is small");
    }

    #[test]
    fn a_word_of_another_script_is_told_of_and_not_turned_into_latin() {
        let (text, letters) = read("Это пpивeтливый человек");
        assert!(text == "Это пpивeтливый человек" && letters > 0);
    }
}
