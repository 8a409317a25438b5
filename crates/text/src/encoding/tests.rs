//! Tests of encodings: labels, conversion whatever the pieces, and which encoding a text looks like.

use super::*;

fn encoded(label: &str, text: &str) -> Vec<u8> {
    let encoding = Encoding::parse(label).unwrap().0;
    match encoding.name() {
        "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "UTF-16BE" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => encoding.encode(text).0.into_owned(),
    }
}

const TEXTS: &[(&str, &str, &str)] = &[
    (
        "cp949",
        "EUC-KR",
        "나무는 강가에서 천천히 자란다 똠방각하 펲시\n비가 오면 마을 사람들은 집에 머문다\n",
    ),
    ("gbk", "GBK", "河边的树慢慢地长大\n下雨的时候村里的人都留在家里读书\n"),
    ("shift_jis", "Shift_JIS", "川のほとりの木はゆっくり育つ\n雨の日には村の人々は家で本を読む\n"),
    ("euc-jp", "EUC-JP", "川のほとりの木はゆっくり育つ\n雨の日には村の人々は家で本を読む\n"),
    ("big5", "Big5", "河邊的樹慢慢地長大\n下雨的時候村裡的人都留在家裡讀書\n"),
    (
        "windows-1251",
        "windows-1251",
        "Дерево у реки растёт медленно\nВ дождь люди деревни остаются дома\n",
    ),
    ("koi8-r", "KOI8-U", "Дерево у реки растёт медленно\nВ дождь люди деревни остаются дома\n"),
    (
        "latin-1",
        "windows-1252",
        "La forêt est très âgée près du château\nL'été dernier la rivière était gelée\n",
    ),
    (
        "iso-8859-2",
        "windows-1250",
        "Drzewo rośnie powoli nad rzeką gęsią\nWieś w dżdżysty dzień zostaje w domu ślązak\n",
    ),
];

#[test]
fn texts_in_another_encoding_are_reported_with_its_name() {
    for (label, name, text) in TEXTS {
        let bytes = encoded(label, &text.repeat(30));
        let said = foreign_text(&bytes, true).unwrap_or_default();
        assert!(said.contains("60 of its 60 lines are not UTF-8"), "{label}: {said}");
        if *label != "iso-8859-2" {
            assert!(said.contains(&format!("looks like {name}")), "{label}: {said}");
        }
        assert_eq!(foreign_text(text.repeat(30).as_bytes(), true), None, "{label}");
    }
    let bytes = encoded("iso-2022-jp", TEXTS[2].2);
    assert!(foreign_text(&bytes, true).unwrap().contains("ISO-2022-JP"));
}

#[test]
fn a_few_bad_lines_do_not_make_another_encoding() {
    let good = "the wood by the river grows\n".repeat(100);
    let bad = encoded("latin-1", "le château près de la forêt\n");
    let with = |count: usize| [good.as_bytes(), &bad.repeat(count)].concat();
    assert_eq!(foreign_text(&with(10), true), None);
    assert_eq!(foreign_text(&with(30), true), None);
    assert!(foreign_text(&with(40), true).is_some());
    // Every line is cut off in the middle of its last character.
    let cut: Vec<u8> =
        (0..100).flat_map(|_| ["강가의 나무".as_bytes(), b"\xed\x95\n"].concat()).collect();
    assert_eq!(foreign_text(&cut, true), None);
    // One slip in one long line.
    let long = ["word ".repeat(1000).as_bytes(), b"\xff", "word ".repeat(1000).as_bytes()].concat();
    assert_eq!(foreign_text(&long, true), None);
    // The end of a head may cut a character.
    assert_eq!(foreign_text("강".as_bytes().split_last().unwrap().1, false), None);
    assert_eq!(foreign_text(b"", true), None);
}

#[test]
fn bytes_become_utf8_whatever_the_pieces() {
    for (label, _, text) in TEXTS {
        let bytes = encoded(label, text);
        for step in [1, 2, 3, 1000] {
            let mut converter = Converter::new(Encoding::parse(label).unwrap()).unwrap();
            let mut out = Vec::new();
            bytes.chunks(step).for_each(|piece| converter.convert(piece, false, &mut out));
            converter.convert(b"", true, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *text, "{label}");
        }
    }
}

fn converted(label: &str, bytes: &[u8]) -> Vec<u8> {
    let converter = Converter::new(Encoding::parse(label).unwrap()).unwrap();
    let mut text = Vec::new();
    Converted::new(bytes, converter).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn marks_override_the_setting() {
    let marked = |label: &str| encoded(label, "\u{feff}나무 tree\n");
    for label in ["utf-16", "utf-16be", "cp949"] {
        assert_eq!(converted(label, &marked("utf-16le")), "나무 tree\n".as_bytes());
        assert_eq!(converted(label, &marked("utf-16be")), "나무 tree\n".as_bytes());
        assert_eq!(converted(label, "\u{feff}나무 tree\n".as_bytes()), "나무 tree\n".as_bytes());
    }
    assert_eq!(converted("utf-16", &encoded("utf-16le", "나무")), "나무".as_bytes());
    assert_eq!(converted("utf-16be", &encoded("utf-16be", "나무")), "나무".as_bytes());
}

#[test]
fn wrong_bytes_stay_wrong() {
    assert_eq!(
        converted("cp949", b"a\xb0\xa1\xff b\xb0"),
        "a가\u{0}"
            .replace('\u{0}', "")
            .into_bytes()
            .into_iter()
            .chain(*b"\xff b\xff")
            .collect::<Vec<u8>>()
    );
}

#[test]
fn labels_are_those_that_people_write() {
    for (label, name) in [
        ("CP949", "euc-kr"),
        ("ks_c_5601-1987", "euc-kr"),
        ("latin1", "windows-1252"),
        ("iso8859_15", "iso-8859-15"),
        ("UTF8", "utf-8"),
        ("utf_16", "utf-16le"),
        ("Shift_JIS", "shift_jis"),
        ("sjis", "shift_jis"),
        ("gb2312", "gbk"),
    ] {
        assert_eq!(Encoding::parse(label).map(Encoding::name).as_deref(), Some(name), "{label}");
    }
    for label in ["", "cp9949", "x-user-defined", "replacement", "hz-gb-2312", "utf-32"] {
        assert_eq!(Encoding::parse(label), None, "{label}");
    }
    for label in Encoding::labels() {
        let encoding = Encoding::parse(label).unwrap();
        assert_eq!(Encoding::parse(&encoding.name()), Some(encoding), "{label}");
    }
}

#[test]
fn utf16_without_a_mark_is_known() {
    assert_eq!(utf16_without_mark(&encoded("utf-16le", "the wood\n")), Some("UTF-16LE"));
    assert_eq!(
        utf16_without_mark(&encoded("utf-16be", "나무는 강가에서 자란다\n")),
        Some("UTF-16BE")
    );
    assert_eq!(
        utf16_without_mark(b"some words\0and more of them are here, as one would write it\n"),
        None
    );
    assert_eq!(utf16_without_mark(&[0, 1, 0, 0, 7, 0]), None);
}

#[test]
fn a_text_in_another_encoding_than_configured_is_reported() {
    let check = |label: &str, raw: &[u8], says: Option<&str>| {
        let mut text = Vec::new();
        let encoding = Encoding::parse(label).unwrap();
        Converter::new(encoding).unwrap().convert(raw, true, &mut text);
        let said = other_text(Head { raw, text: &text, is_whole: true }, encoding);
        assert_eq!(said.is_some(), says.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
    };
    check(
        "cp949",
        TEXTS[0].2.as_bytes(),
        Some("it is UTF-8, and corpus.encoding says EUC-KR (cp949)"),
    );
    check("latin-1", TEXTS[7].2.as_bytes(), None);
    check("latin-1", TEXTS[7].2.repeat(4).as_bytes(), Some("it is UTF-8"));
    check("cp949", &encoded("cp949", TEXTS[0].2), None);
}
