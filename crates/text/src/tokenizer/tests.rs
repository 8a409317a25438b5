//! Tests of tokenizers: known lines, and the fast path against the slow one.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use unicode_segmentation::UnicodeSegmentation as _;

use super::*;

const UAX29: WordRules = WordRules { apostrophes: Mark::Keep, hyphens: Mark::Split };
const WORDS: TokenizerConfig = TokenizerConfig {
    segmentation: Segmentation::Words,
    rules: UAX29,
    normalize: Normalize::Nfc,
    case: Case::Lower,
    accents: Accents::Keep,
    digits: Digits::Keep,
};
const WHITESPACE: TokenizerConfig =
    TokenizerConfig { segmentation: Segmentation::Whitespace, ..WORDS };

fn tokens(config: TokenizerConfig, line: &str) -> Vec<String> {
    let mut found = Vec::new();
    Tokenizer::new(config).tokenize(line, |token| found.push(token.to_owned()));
    found
}

fn check(config: TokenizerConfig, line: &str, expected: &str) {
    let expected: Vec<&str> = expected.split('|').filter(|token| !token.is_empty()).collect();
    assert_eq!(tokens(config, line), expected, "{line:?}");
}

#[test]
fn words_of_english() {
    check(
        WORDS,
        "Don't stop: it's 3.14 or 1,000; e.g. U.S.A. foo_bar __ a:b",
        "don't|stop|it's|3.14|or|1,000|e.g|u.s.a|foo_bar|a:b",
    );
    check(WORDS, "'quoted' -- well-known (x) a..b 1.a", "quoted|well|known|x|a|b|1|a");
    check(WORDS, "end.\r", "end");
    check(WORDS, "", "");
    check(WORDS, " \t\r\n", "");
    check(WORDS, "“Curly” quotes – it’s fine", "curly|quotes|it’s|fine");
}

#[test]
fn words_of_other_scripts() {
    check(WORDS, "나는 학교에 갔다. 어제!", "나는|학교에|갔다|어제");
    check(WORDS, "我愛你", "我|愛|你");
    check(WORDS, "ΟΔΥΣΣΕΥΣ Straße İstanbul", "οδυσσευς|straße|i̇stanbul");
    check(WORDS, "cafe\u{301} CAFE\u{301} café", "café|café|café");
    check(WORDS, "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글");
    check(WORDS, "J\u{30c}a", "ǰa");
    check(WORDS, "a\u{a0}b a\u{2028}c", "a|b|a|c");
}

#[test]
fn white_space_keeps_marks() {
    check(WHITESPACE, "Hello, World!  it's\tfine\r", "hello,|world!|it's|fine");
    check(WHITESPACE, "a\u{a0}b\u{3000}c\u{85}d", "a|b|c|d");
    check(WHITESPACE, "a\u{fffd}b", "a|b");
    check(WHITESPACE, "안녕 세상", "안녕|세상");
}

#[test]
fn settings_change_the_tokens() {
    check(TokenizerConfig { case: Case::Keep, ..WORDS }, "The CAT Élan", "The|CAT|Élan");
    check(TokenizerConfig { normalize: Normalize::None, ..WORDS }, "cafe\u{301}", "cafe\u{301}");
    check(TokenizerConfig { digits: Digits::Drop, ..WORDS }, "in 1999 a4 3.14 x 12 ٣٤", "in|a4|x");
    check(
        TokenizerConfig { digits: Digits::Drop, ..WHITESPACE },
        "2019-11-21 12:30 $5 a1 - %",
        "$5|a1|-|%",
    );
    check(
        TokenizerConfig { digits: Digits::Zero, ..WORDS },
        "in 1999 a4 3.14 ٣٤é é7",
        "in|0000|a0|0.00|00é|é0",
    );
}

#[test]
fn normal_forms_and_accents() {
    let nfkc = TokenizerConfig { normalize: Normalize::Nfkc, ..WORDS };
    check(nfkc.clone(), "Ｆｕｌｌ　ｗｉｄｔｈ １２ ﬁne Ⅳ ½ x²", "full|width|12|fine|iv|1⁄2|x2");
    check(nfkc.clone(), "ｶﾞ \u{212b}ngstr\u{f6}m ㎏ a\u{a0}b", "ガ|ångström|kg|a|b");
    check(
        nfkc.clone(),
        "co\u{ad}op the\u{feff}cat \u{202e}abc\u{202c} a\u{200c}b",
        "coop|thecat|abc|a\u{200c}b",
    );
    check(TokenizerConfig { digits: Digits::Zero, ..nfkc.clone() }, "１２ ⑦", "00|0");
    check(
        TokenizerConfig { segmentation: Segmentation::Whitespace, ..nfkc },
        "ａ\u{3000}Ｂ！",
        "a|b!",
    );
    check(FOLDED, "Crème BRÛLÉE e\u{301}a naïve Ångström ấ", "creme|brulee|ea|naive|angstrom|a");
    check(FOLDED, "øl łódź Straße İI ὍΔΟΣ й ё", "øl|łodz|straße|ii|οδος|и|е");
    // Signs that are no accents stay: voicing marks, vowels, Hangul.
    check(
        FOLDED,
        "ガカ\u{3099} हिन्दी 한국어 ไทยนี้",
        &tokens(WORDS, "ガガ हिन्दी 한국어 ไทยนี้").join("|"),
    );
    let raw = TokenizerConfig { normalize: Normalize::None, ..FOLDED };
    check(raw, "e\u{301}\u{1100}\u{1161} é", "e\u{1100}\u{1161}|e");
}

#[test]
fn lower_case_knows_no_language() {
    check(WORDS, "ISPARTA İzmir ılık ΣΑΣ ǅ ẞ", "isparta|i̇zmir|ılık|σας|ǆ|ß");
}

const HYPHENS: TokenizerConfig =
    TokenizerConfig { rules: WordRules { hyphens: Mark::Keep, ..UAX29 }, ..WORDS };
const FOLDED: TokenizerConfig = TokenizerConfig { accents: Accents::Strip, ..WORDS };

#[test]
fn marks_within_words() {
    let with = |apostrophes, hyphens| TokenizerConfig {
        rules: WordRules { apostrophes, hyphens },
        ..WORDS
    };
    let line = "Don't l’été well-known co‐op -x- a--b rock-'n'-roll 1'000 2019-11-21 '-'";
    let (keep, split, drop) = (Mark::Keep, Mark::Split, Mark::Drop);
    for (apostrophes, hyphens, expected) in [
        (keep, split, "don't|l’été|well|known|co|op|x|a|b|rock|n|roll|1'000|2019|11|21"),
        (split, split, "don|t|l|été|well|known|co|op|x|a|b|rock|n|roll|1|000|2019|11|21"),
        (drop, split, "dont|lété|well|known|co|op|x|a|b|rock|n|roll|1000|2019|11|21"),
        (keep, keep, "don't|l’été|well-known|co‐op|x|a|b|rock|n|roll|1'000|2019-11-21"),
        (keep, drop, "don't|l’été|wellknown|coop|x|a|b|rock|n|roll|1'000|20191121"),
        (split, keep, "don|t|l|été|well-known|co‐op|x|a|b|rock|n|roll|1|000|2019-11-21"),
        (drop, drop, "dont|lété|wellknown|coop|x|a|b|rock|n|roll|1000|20191121"),
    ] {
        check(with(apostrophes, hyphens), line, expected);
    }
    check(with(split, keep), "jean-d'arc's-x a_-_b", "jean-d|arc|s-x|a_-_b");
    check(TokenizerConfig { digits: Digits::Drop, ..HYPHENS }, "2019-11-21 a-1 1-2", "a-1");
    check(
        TokenizerConfig { rules: WordRules { hyphens: drop, ..UAX29 }, ..WHITESPACE },
        "a-b",
        "a-b",
    );
}

#[test]
#[cfg(feature = "cjk")]
fn words_of_languages_without_spaces() {
    let cjk = TokenizerConfig { segmentation: Segmentation::Cjk, ..WORDS };
    check(cjk.clone(), "我爱北京天安门。 The don't 3.14", "我|爱|北京|天安门|the|don't|3.14");
    check(cjk.clone(), "東京は日本の首都です、ＡＢＣ。", "東京|は|日本|の|首都|です|ａｂｃ");
    check(cjk.clone(), "ภาษาไทยง่าย 한국어는", "ภาษา|ไทย|ง่าย|한국어는");
    let text = "我爱北京。天安门在北京，";
    let cut = Tokenizer::new(cjk.clone()).last_boundary(text).unwrap();
    assert_eq!(cut, text.len());
    assert_eq!(Tokenizer::new(cjk).last_boundary("天安门在北京"), None);
}

#[test]
#[cfg(not(feature = "cjk"))]
fn a_feature_that_is_missing_is_named() {
    assert_eq!(missing_feature("cjk"), Some("cjk"));
    assert_eq!(missing_feature("words"), None);
}

#[test]
#[cfg(feature = "hf")]
fn tokens_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let model = r#"{"version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": null, "decoder": null, "model": {"type": "BPE", "dropout": null, "unk_token": null,
        "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
        "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]}}"#;
    let split = |model: &str| {
        std::fs::write(&path, model).unwrap();
        let xxh3 = wordmill_formats::xxh3(model.as_bytes());
        let segmentation = Segmentation::Hf(HfFile { path: path.clone(), xxh3 });
        let tokenizer = Tokenizer::new(TokenizerConfig { segmentation, ..WORDS });
        let mut found = String::new();
        let text = "AB c abc\r\n\ncab";
        let cut = tokenizer.lines().unwrap().split(text, &|| Ok(()), &mut |item| match item {
            Item::Word(word) => found += &format!("{word} "),
            Item::LineEnd => found.push('|'),
        });
        cut.map(|()| found).map_err(|error| error.to_string())
    };
    assert_eq!(split(model).as_deref(), Ok("ab c ab c ||c ab "));
    assert!(split("{}").unwrap_err().contains("tokenizer.json: cutting lines into words"));
    let segmentation = Segmentation::Hf(HfFile { path: path.clone(), xxh3: 1 });
    let tokenizer = Tokenizer::new(TokenizerConfig { segmentation, ..WORDS });
    let cut = tokenizer.lines().unwrap().split("a", &|| Ok(()), &mut |_| {});
    assert!(cut.unwrap_err().to_string().contains("its content has changed"));
}

#[test]
fn later_settings_do_not_change_earlier_fingerprints() {
    let expected =
        "TokenizerConfig { segmentation: Words, normalize: Nfc, case: Lower, digits: Keep }";
    assert_eq!(WORDS.identity(), expected);
    assert_ne!(HYPHENS.identity(), WORDS.identity());
    assert_ne!(FOLDED.identity(), WORDS.identity());
}

#[test]
fn a_single_word_takes_the_form_of_the_text() {
    let alone = |config: TokenizerConfig, word: &str| Tokenizer::new(config).word_alone(word);
    assert_eq!(alone(WORDS, "New-York").as_deref(), Some("new-york"));
    assert_eq!(alone(WORDS, "CAFE\u{301}").as_deref(), Some("café"));
    assert_eq!(alone(FOLDED, "CAFÉ").as_deref(), Some("cafe"));
    assert_eq!(
        alone(TokenizerConfig { digits: Digits::Zero, ..WORDS }, "B52").as_deref(),
        Some("b00")
    );
    assert_eq!(alone(TokenizerConfig { digits: Digits::Drop, ..WORDS }, "1999"), None);
}

/// Letters, digits and every mark in the rules, often.
fn random_ascii(random: &mut Xoshiro256PlusPlus) -> String {
    const ALPHABET: &[u8] = b"abZ019_'.:,;\"-  \t\r~@/";
    let len = random.next_u64() % 24;
    (0..len)
        .map(|_| {
            let bits = random.next_u64();
            if bits.is_multiple_of(16) {
                (bits >> 8) as u8 & 0x7f
            } else {
                ALPHABET[(bits >> 8) as usize % ALPHABET.len()]
            }
        })
        .map(char::from)
        .collect()
}

#[test]
fn fast_path_equals_slow_path() {
    for seed in 0..60_000 {
        let line = random_ascii(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        let mut fast = Vec::new();
        ascii::words(&line, |word| fast.push(word.to_owned()));
        let slow: Vec<&str> = line.unicode_words().collect();
        assert_eq!(fast, slow, "seed {seed}: {line:?}");
        let mut fast = Vec::new();
        ascii::pieces(&line, |word| fast.push(word.to_owned()));
        let slow: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(fast, slow, "seed {seed}: {line:?}");
    }
}

#[test]
fn middle_path_equals_slow_path() {
    const ALPHABET: &[char] = &[
        'a', 'Z', '1', '_', '\'', '.', ',', ':', '-', '"', 'é', 'Å', 'ǅ', 'ſ', '×', 'Ж', 'ё', '한',
        '글', '中', '文', '’', '‘', '“', '—', '。', '、', '「',
    ];
    for seed in 0..60_000 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let piece: String = (0..random.next_u64() % 12)
            .map(|_| match random.next_u64() {
                bits if bits.is_multiple_of(8) => {
                    char::from_u32((bits >> 8) as u32 % 0x550).unwrap()
                }
                bits => ALPHABET[(bits >> 8) as usize % ALPHABET.len()],
            })
            .collect();
        if !simple::is_simple(&piece) {
            continue;
        }
        let mut fast = Vec::new();
        simple::words(&piece, |word| fast.push(word.to_owned()));
        let slow: Vec<&str> = piece.unicode_words().collect();
        assert_eq!(fast, slow, "seed {seed}: {piece:?}");
        assert!(unicode_normalization::is_nfc(&piece), "seed {seed}: {piece:?}");
    }
}

#[test]
fn every_simple_character_is_normal_and_known_to_the_tables() {
    for c in (0..=0x10_ffff).filter_map(char::from_u32) {
        let piece = format!("a{c}a{c}{c}1{c}1");
        if simple::is_simple(&piece) {
            let mut fast = Vec::new();
            simple::words(&piece, |word| fast.push(word.to_owned()));
            assert_eq!(fast, piece.unicode_words().collect::<Vec<_>>(), "{c:?}");
            let alone = unicode_normalization::is_nfc_quick(std::iter::once(c));
            assert_eq!(alone, unicode_normalization::IsNormalized::Yes, "{c:?}");
        }
    }
}

#[test]
fn ascii_words_do_not_change_among_other_words() {
    for seed in 0..5_000 {
        let line = random_ascii(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        for config in [WORDS, WHITESPACE, TokenizerConfig { digits: Digits::Drop, ..WORDS }] {
            let mut alone = tokens(config.clone(), &line);
            alone.push("é".to_owned());
            assert_eq!(tokens(config, &format!("{line} É")), alone, "seed {seed}: {line:?}");
        }
    }
}

#[test]
fn a_boundary_changes_no_token() {
    const ALPHABET: &[&str] = &[
        "a",
        "1",
        "_",
        "'",
        ".",
        ",",
        "é",
        "e\u{301}",
        "我",
        "한",
        "\u{1112}\u{1161}",
        "ש",
        "\"",
        "-",
        "\u{200d}",
        "👩",
        "🇫",
        "カ",
        "\u{a0}",
        "\u{fffd}",
        "Σ",
    ];
    for seed in 0..20_000 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut part = |len: u64| -> String {
            (0..random.next_u64() % len)
                .map(|_| ALPHABET[random.next_u64() as usize % ALPHABET.len()])
                .collect()
        };
        let (text, next) = (part(16), part(6));
        for config in [WORDS, WHITESPACE, HYPHENS, FOLDED] {
            if let Some(cut) = Tokenizer::new(config.clone()).last_boundary(&text) {
                let mut parts = tokens(config.clone(), &text[..cut]);
                parts.extend(tokens(config.clone(), &format!("{}{next}", &text[cut..])));
                assert_eq!(
                    parts,
                    tokens(config, &format!("{text}{next}")),
                    "seed {seed}: {text:?} {next:?} at {cut}"
                );
            }
        }
    }
}
