//! Articles of a dump, and markup with the expected text.

use super::wikitext::Stripper;
use crate::format::{RecordFormat, Records};
use crate::records::tests::{check, read};

fn strip(text: &str, expected: &str) {
    strip_in("de", text, expected);
}

fn strip_in(language: &str, text: &str, expected: &str) {
    let mut out = String::new();
    Stripper::new(Some(language), &[]).strip(text, &mut out);
    assert_eq!(out, expected, "{text}");
}

#[test]
fn markup_is_left_out_and_text_stays() {
    strip("'''Rome''' is ''the'' capital of [[Italy]].", "Rome is the capital of Italy.");
    strip(
        "a [[cat|big cat]]s and [[Dog#Food]], [[:Category:Pets]]",
        "a big cats and Dog, Category:Pets",
    );
    strip("a[[File:x.jpg|thumb|A [[cat]] on a mat]]b[[Kategorie:Tiere]][[datei:y.png]]c", "abc");
    strip("[[fr:Rome]][[zh-yue:羅馬]][[Star Wars: Episode IV]]", "Star Wars: Episode IV");
    strip("{{Infobox|a={{b|c}}|d=[[e]]}}text{{cite}}", "text");
    strip("{{{1|}}} x", "} x");
    strip(
        "one<ref name=\"a\">see [[b]]</ref> two<ref name=a /> three<REF>x</Ref>",
        "one two three",
    );
    strip("<math>a_1 < b</math>x <b>bold</b><br/>y <!-- not\nthis -->z", "x bold y z");
    strip("<nowiki>[[as it is]]</nowiki> [[not]]", "[[as it is]] not");
    strip(
        "== History ==\n=== Early  ===\n* one\n** two\n# three\n; term: meaning\n----\nend",
        " History \n Early  \none\ntwo\nthree\nterm: meaning\n\nend",
    );
    strip("{| class=\"x\"\n|-\n! a !! b\n|-\n| {{c|d|}} || {|\n| inner\n|}\n|}\nafter", "\nafter");
    strip("[http://a.org/b the site] [http://a.org] [1] a[i]", "the site  [1] a[i]");
    strip("a&nbsp;b &ndash; c &#233; &#x65E5; &bogus; &", "a\u{a0}b – c é 日 &bogus; &");
    strip("__NOTOC__ snake__case __ x = y == z", " snake__case __ x = y == z");
    strip("서울은 [[대한민국]]의 '''수도'''이다.", "서울은 대한민국의 수도이다.");
}

#[test]
fn an_apostrophe_that_is_no_mark_stays() {
    strip_in("fr", "L'''Été'' est un film.\nd''''huile'''", "L'Été est un film.\nd'huile");
    strip_in("fr", "d{{'}}''Armor'' et d{{'}}'''Argoat'''", "d'Armor et d'Argoat");
    strip_in(
        "it",
        "[[Arte|l'''arte'']] nell&#39;''orto'' e [[cane]], <nowiki>''</nowiki>",
        "l'arte nell'orto e cane, ''",
    );
    strip_in("en", "''[[Swan]]'''s wing{{'s}} a''b<nowiki/>'c''", "Swan's wing's ab'c");
}

#[test]
fn comments_are_gone_before_anything_else_is_looked_for() {
    strip("a {{b|c <!-- }} --> d}} e", "a  e");
    strip("a [[Datei:x.jpg|mini|b <!-- ]] --> c]] d", "a  d");
    strip("a [[b<!-- | -->|c]] <!-- [[ --> d <!-- {{ -->", "a c  d ");
    strip(
        "a {{b|<nowiki>}}</nowiki> c}} d <nowiki>{{e}} <!-- f --></nowiki>",
        "a  d {{e}} <!-- f -->",
    );
    strip("{{a|<math>{{x}}</math>|<ref>}}</ref>}}b<!-- c", "b");
}

#[test]
fn a_tag_may_go_over_lines() {
    strip(
        "a<ref\nname=\"b\"\ngroup=c>d</ref> e<ref\nname=f\n/> g <span\nstyle=\"h\">i</span>",
        "a e g i",
    );
    strip("a <b\nc", "a <b\nc");
    strip("<references>a<ref>b</ref></references>c<ref>d<references /></ref>e", "ce");
    strip("x <username> y <T> z", "x <username> y <T> z");
}

#[test]
fn tables_that_templates_begin_or_end_are_left_out() {
    strip("a\n{| class=\"b\"\n|-\n! c\n|-\n| d\n| e\nf\n{{Ende}}\ng\n", "a\n\n\ng\n");
    strip("a\n{{{!}} class=b\n{{!}} c\n{{!}}}\nd", "a\n\nd");
    strip("a\n{{Beginn}}\n|-\n! b\n| c\nd\n|}\ne", "a\n\n\ne");
    strip("a\n{{Beginn}}\n| b || c\n{{Ende}}\nd", "a\n\n\n\nd");
    strip("a\n{|\n| b\n== c ==\nd\n{|\n| e\n|}\nf", "a\n\n c \nd\n\nf");
}

#[test]
fn only_switches_of_mediawiki_are_left_out() {
    strip(
        "__NOTOC__a __main__ and __init__ __KEIN_INHALTSVERZEICHNIS__b",
        "a __main__ and __init__ b",
    );
    strip_in("ja", "＿＿目次強制＿＿春＿＿夏＿＿", "春＿＿夏＿＿");
    strip_in("ru", "__БЕЗ_ОГЛ__мир __INDEX__ __index__", "мир  __index__");
}

#[test]
fn older_names_of_name_spaces_are_known_in_the_language_of_the_wiki() {
    strip_in("de", "a[[Bild:b.jpg|mini|c]]d", "ad");
    strip_in("ja", "山[[画像:a.jpg|thumb|説明]]川", "山川");
    strip_in("ko", "산[[그림:a.jpg|섬네일|설명]][[분류:나무]]강", "산강");
    strip_in("zh", "山[[檔案:a.jpg|thumb|說明]][[分类:树]]-{zh-hant:河;zh-hans:川}-", "山川");
    strip_in("ru", "а[[Изображение:б.jpg|мини|в]]г [[Категория:_д]]", "аг ");
    strip_in("en", "a[[Bild:b|c]]d -{e}-", "acd -{e}-");
}

#[test]
fn templates_that_represent_characters_separate_words() {
    strip("a{{nbsp}}b{{snd}}c{{·}}d{{cite|x}}e", "a b c de");
    strip("{{lang|la|''[[Rosa|rosa]]''|x=y}} and {{nowrap|a {{b}} c}}", "rosa and a  c");
}

#[test]
fn markup_without_end_loses_its_marks_only() {
    strip("a {{b", "a b");
    strip("a [[b", "a b");
    strip("{| b\nc", " b\nc");
    strip("a <ref>b", "a b");
    strip("a < b > c", "a < b > c");
    strip("a]] }} b", "a  b");
    strip("[[a|[[b]]", "a|b");
}

#[test]
fn marks_without_end_take_no_longer_than_the_text() {
    let start = std::time::Instant::now();
    for mark in [
        "{{", "[[", "<ref>", "[http://", "<a", "\n{|", "__", "&", "==", "<!--", "<nowiki>", "''",
        "\n|-", "<table>", "{{lang|", "＿＿",
    ] {
        let mut out = String::new();
        Stripper::new(None, &[]).strip(&mark.repeat(200_000), &mut out);
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

const HEAD: &str = "<mediawiki xml:lang=\"de\"><siteinfo><namespaces>\n\
    <namespace key=\"0\" case=\"first-letter\" />\n<namespace key=\"6\" case=\"first-letter\">Datei</namespace>\n\
    </namespaces></siteinfo>\n";

fn page(space: &str, text: &str) -> String {
    let text = format!("<text bytes=\"9\" xml:space=\"preserve\">{text}</text>");
    format!(
        "  <page>\n<title>T</title>\n<ns>{space}</ns><id>1</id>\n<revision>{text}</revision></page>\n"
    )
}

fn dump(pages: &[String]) -> String {
    format!("{HEAD}{}</mediawiki>\n", pages.concat())
}

#[test]
fn articles_are_read_and_nothing_else() {
    let redirect = page("0", "#REDIRECT [[x]]").replace("<id>", "<redirect title=\"x\" /><id>");
    let twice = page("0", "old").replace("</page>", "<revision><text>new</text></revision></page>");
    let pages = [
        page("0", "a &lt;b&gt;[[Datei:x.png]]&lt;/b&gt; &amp;amp; b\n\n\n== c ==\nd"),
        page("1", "talk"),
        redirect,
        twice,
        page("0", "").replace(">preserve\"></text>", ">"),
    ];
    check(RecordFormat::MediaWiki, dump(&pages).as_bytes(), "a  & b\nc\nd\nnew\n", (3, 0));
}

#[test]
fn titles_and_texts_replace_what_old_dumps_lack() {
    let head = "<mediawiki version=\"0.3\" xml:lang=\"de\"><siteinfo><namespaces>\n\
                <namespace key=\"1\">Diskussion</namespace><namespace key=\"0\" />\n\
                <namespace key=\"10\">Vorlage</namespace></namespaces></siteinfo>";
    let page = |title: &str, text: &str| {
        let text = format!("<text xml:space=\"preserve\">{text}</text>");
        format!("<page><title>{title}</title><id>1</id><revision>{text}</revision></page>\n")
    };
    let pages = [
        page("Baum", "grün"),
        page("Diskussion:Baum", "geredet"),
        page("vorlage:Kasten", "leer"),
        page("Buche", "#WEITERLEITUNG [[Baum]]"),
        page("Eiche", "#redirect[[Baum]]"),
        page("Ast: ein Teil", "lang"),
    ];
    let dump = format!("{head}{}</mediawiki>", pages.concat());
    check(RecordFormat::MediaWiki, dump.as_bytes(), "grün\nlang\n", (2, 0));
}

#[test]
fn problems_of_a_dump_are_reported() {
    let good = dump(&[page("0", "one"), page("0", "two")]);
    let cut = &good[..good.len() - 60];
    let told = check(RecordFormat::MediaWiki, cut.as_bytes(), "one\n", (2, 1));
    assert!(told[0].ends_with("the last page is cut off"), "{told:?}");
    let cut = &good[..good.rfind("</mediawiki").unwrap()];
    let told = check(RecordFormat::MediaWiki, cut.as_bytes(), "one\ntwo\n", (3, 1));
    assert!(told[0].ends_with("the dump has no end: it is cut off"), "{told:?}");
    let odd = dump(&[page("0", "one"), page("0", "a &odd; b")]);
    let told = check(RecordFormat::MediaWiki, odd.as_bytes(), "one\n", (2, 1));
    assert!(told[0].contains("the page \"T\": "), "{told:?}");
    let records = Records { format: RecordFormat::MediaWiki, ..Records::default() };
    for (bytes, says) in [("just text\n", "not a dump of MediaWiki"), (HEAD, "without a page")] {
        for step in [1, 1000] {
            let error = read(bytes.as_bytes(), &records, step).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
