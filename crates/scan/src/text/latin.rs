//! What letters of other scripts look like to readers of Latin.

/// The Latin letter that a Cyrillic, Greek or Armenian letter is drawn like, after Unicode's confusables
/// (UTS #39); only letters that readers really take for Latin ones.
pub(super) fn drawn_like(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' => 'a',
        'ϲ' | 'с' => 'c',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' | 'ϳ' => 'j',
        'ӏ' => 'l',
        'ո' => 'n',
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
        'Ԍ' => 'G',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' | 'Ӏ' => 'I',
        'Ј' | 'Ϳ' => 'J',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' | 'Օ' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ԛ' => 'Q',
        'Ѕ' | 'Տ' => 'S',
        'Т' | 'Τ' => 'T',
        'Ս' => 'U',
        'Ѵ' => 'V',
        'Ԝ' => 'W',
        'У' | 'Υ' => 'Y',
        'Х' | 'Χ' => 'X',
        'Ζ' => 'Z',
        _ => return None,
    })
}

/// The same, with letters that are read as a Latin one among Latin letters, though nobody would mistake them alone.
pub(super) fn reminds_of(c: char) -> Option<char> {
    drawn_like(c).or(match c {
        'Ь' | 'ь' => Some('b'),
        'к' | 'κ' => Some('k'),
        'м' => Some('m'),
        'г' => Some('r'),
        'т' | 'τ' => Some('t'),
        'ү' => Some('y'),
        _ => None,
    })
}
