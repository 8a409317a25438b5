//! Articles of a dump, and markup against what is left of it.

use super::wikitext::Stripper;
use crate::records::tests::{check, read};
use crate::records::{RecordFormat, Records};

fn strip(text: &str, expected: &str) {
    let mut out = String::new();
    Stripper::new(vec!["Datei".into(), "Kategorie".into()]).strip(text, &mut out);
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
    for mark in ["{{", "[[", "<ref>", "[http://", "<a", "\n{|", "__", "&", "=="] {
        let mut out = String::new();
        Stripper::new(Vec::new()).strip(&mark.repeat(200_000), &mut out);
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
fn what_is_wrong_with_a_dump_is_told() {
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
    let records = Records { format: RecordFormat::MediaWiki, strict: false };
    for (bytes, says) in [("just text\n", "no dump of MediaWiki"), (HEAD, "without a page")] {
        for step in [1, 1000] {
            let error = read(bytes.as_bytes(), &records, step).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
