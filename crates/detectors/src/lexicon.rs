//! The word lists that the text heuristics count. All lower case, sorted where they are searched.

/// English function words.
#[rustfmt::skip]
pub const STOPWORDS: &[&str] = &[
    "a", "about", "above", "after", "again", "all", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "being", "below", "between", "both", "but", "by", "can", "could", "did", "do", "does",
    "doing", "down", "during", "each", "few", "for", "from", "further", "had", "has", "have", "having", "he", "her",
    "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "me", "more", "most",
    "my", "no", "nor", "not", "now", "of", "off", "on", "once", "only", "or", "other", "our", "out", "over", "own",
    "same", "she", "should", "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "those", "through", "to", "too", "under", "until", "up", "very", "was", "we", "were", "what",
    "when", "where", "which", "while", "who", "whom", "why", "will", "with", "would", "you", "your",
];

/// Words that instruction-tuned models favour far beyond human rates (after Kobak et al., 2025, "Delving into
/// LLM-assisted writing in biomedical publications through excess vocabulary", and our own counts).
#[rustfmt::skip]
pub const MODEL_FAVOURITES: &[&str] = &[
    "adaptability", "align", "aligns", "ambiguity", "arguably", "broader", "clarity", "complexities",
    "comprehensive", "consistently", "critical", "crucial", "delicate", "delve", "delves", "delving", "dynamic",
    "dynamics", "effectively", "embrace", "embracing", "emphasizing", "empower", "enduring", "enhance", "enhances",
    "enhancing", "ensure", "ensures", "ensuring", "essential", "ethical", "faint", "foster", "fostering", "fosters",
    "framework", "gentle", "genuine", "genuinely", "highlight", "highlighting", "highlights", "holistic", "hum",
    "hummed", "impactful", "innovative", "insights", "integral", "intricate", "invaluable", "journey", "landscape",
    "leverage", "leveraging", "meaningful", "meticulous", "meticulously", "multifaceted", "navigate", "navigating",
    "nuance", "nuanced", "nuances", "overall", "pivotal", "potential", "profound", "quiet", "quietly", "realm",
    "resilience", "resonate", "resonates", "rhythm", "robust", "seamless", "seamlessly", "shaping", "showcasing",
    "significant", "significantly", "simply", "structural", "subtle", "sustainable", "tangible", "tapestry",
    "testament", "thoughtful", "transformative", "ultimately", "underscore", "underscores", "underscoring",
    "unwavering", "valuable", "vibrant", "vital", "weight", "whispered",
];

/// Sentence openers that link by formula.
#[rustfmt::skip]
pub const LINKING_OPENERS: &[&str] = &[
    "accordingly", "additionally", "also", "consequently", "finally", "first", "firstly", "furthermore", "hence",
    "however", "importantly", "indeed", "instead", "lastly", "likewise", "meanwhile", "moreover", "nevertheless",
    "next", "nonetheless", "notably", "overall", "second", "secondly", "similarly", "specifically", "subsequently",
    "then", "therefore", "third", "thirdly", "thus", "ultimately",
];

/// Words of talk and hedging that people use more in unedited prose.
#[rustfmt::skip]
pub const CASUAL: &[&str] = &[
    "actually", "anyway", "basically", "bit", "cool", "definitely", "dont", "etc", "fun", "get", "gets", "getting",
    "go", "going", "gonna", "good", "got", "gotta", "great", "guess", "guy", "guys", "haha", "heck", "hey", "huge",
    "kinda", "lol", "lot", "lots", "maybe", "much", "nice", "oh", "ok", "okay", "pretty", "probably", "quite",
    "really", "said", "say", "says", "so", "sort", "stuff", "sure", "thing", "things", "think", "though", "thought",
    "tried", "try", "very", "wanna", "want", "wanted", "well", "went", "yeah", "yes",
];

/// First person.
#[rustfmt::skip]
pub const FIRST_PERSON: &[&str] = &[
    "i", "i'd", "i'll", "i'm", "i've", "me", "mine", "my", "myself", "our", "ours", "us", "we", "we'd", "we'll",
    "we're", "we've",
];

/// Second person.
#[rustfmt::skip]
pub const SECOND_PERSON: &[&str] = &[
    "you", "you'd", "you'll", "you're", "you've", "your", "yours", "yourself",
];

/// Whether a sorted list holds `word`.
pub fn holds(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_are_sorted_so_that_they_can_be_searched() {
        use super::*;
        for list in [STOPWORDS, MODEL_FAVOURITES, LINKING_OPENERS, CASUAL, FIRST_PERSON, SECOND_PERSON] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", list.windows(2).find(|p| p[0] >= p[1]));
        }
    }
}
