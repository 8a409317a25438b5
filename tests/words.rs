//! How words are made and found again: normalisers, lists of words, and questions in another spelling.

use crate::support::Place;

const PIPELINE: &str = r#"
[run]
memory = "64MiB"
threads = 2
[corpus]
inputs = ["text.txt"]
[vocabulary]
min_count = 1
[cooccur]
window = 2
subsample = 0
[[train]]
name = "sgns"
dim = 4
epochs = 1
rotations = 1
"#;

/// The vocabulary of a text, words in the order of their bytes.
fn vocabulary(place: &Place, dir: &str, settings: &[&str]) -> (Vec<String>, String) {
    let mut args = vec!["--until", "vocabulary"];
    settings.iter().for_each(|setting| args.extend(["--set", setting]));
    let ended = place.run(dir, &args).expect(0);
    let list = std::fs::read_to_string(place.path(&format!("{dir}/vocab/vocabulary.tsv"))).unwrap();
    let mut words: Vec<String> = list.lines().map(|line| line.replace('\t', " ")).collect();
    words.sort();
    (words, ended.stderr)
}

#[test]
fn settings_make_words() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "Don't well-known CAFÉ ﬁn 12\nİstanbul cafe\u{301}\n");
    for (settings, expected) in [
        (&[][..], "12 1|café 2|don't 1|i̇stanbul 1|known 1|well 1|ﬁn 1"),
        (
            &["corpus.normalize=nfkc", "corpus.accents=strip", "corpus.digits=fold"],
            "00 1|cafe 2|don't 1|fin 1|istanbul 1|known 1|well 1",
        ),
        (
            &["corpus.apostrophes=split", "corpus.hyphens=keep", "corpus.digits=drop"],
            "café 2|don 1|i̇stanbul 1|t 1|well-known 1|ﬁn 1",
        ),
    ] {
        let (found, _) = vocabulary(&place, "run", &[settings, &["run.seed=1"]].concat());
        let mut expected: Vec<&str> = expected.split('|').collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{settings:?}");
        std::fs::remove_dir_all(place.path("run")).unwrap();
    }
    place
        .run("run", &["--set", "corpus.tokenizer=whitespace", "--set", "corpus.hyphens=keep"])
        .refused(
            "rules of another tokenizer",
            2,
            &["--set corpus.hyphens=keep: corpus.hyphens: only used by"],
        );
}

#[test]
fn lists_say_what_they_remove() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "the cat and the dog\nthe the\na bird and a cat\n");
    place.write("stop.txt", "The\nand\nnew york\n");
    let (found, said) = vocabulary(&place, "stop", &["corpus.stop_words=stop.txt"]);
    assert_eq!(found, ["a 2", "bird 1", "cat 2", "dog 1"]);
    assert!(said.contains("6 tokens are stop words"), "{said}");
    assert!(said.contains("corpus.stop_words: 1 lines are not one word"), "{said}");
    place.write("keep.tsv", "CAT\t5\nbird\t1\nthe\n");
    place.write("drop.txt", "the\n");
    let lists = ["vocabulary.keep=keep.tsv", "vocabulary.drop=drop.txt"];
    let (found, said) = vocabulary(&place, "lists", &lists);
    assert_eq!(found, ["bird 1", "cat 2"]);
    assert!(said.contains("vocabulary.keep left out 5 of 12 tokens"), "{said}");
    assert!(said.contains("vocabulary.drop left out 4 of 12 tokens"), "{said}");
    let ledger = std::fs::read_to_string(place.path("lists/run.json")).unwrap();
    for count in ["\"unlisted_keep_tokens\": 5", "\"listed_drop_tokens\": 4"] {
        assert!(ledger.contains(count), "{count} is not in {ledger}");
    }
    // A list is what it holds: another name is no change, another word is.
    place.write("other.txt", "the\n");
    let args = ["--until", "vocabulary", "--set", "vocabulary.keep=keep.tsv", "--set"];
    let with = |drop: &str| [&args[..], &[drop]].concat().into_iter().map(str::to_owned).collect();
    let run = |drop: &str| {
        let args: Vec<String> = with(drop);
        place.run("lists", &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run("vocabulary.drop=other.txt").expect(0);
    place.write("other.txt", "bird\n");
    run("vocabulary.drop=other.txt").refused("another list", 2, &["vocabulary.drop was xxh3"]);
    run("vocabulary.drop=absent").refused(
        "no list",
        2,
        &["vocabulary.drop: absent: reading the list"],
    );
    place.write("nothing.txt", "zebra\n");
    let none = ["--set", "vocabulary.keep=nothing.txt"];
    place.run("none", &none).refused(
        "nothing is left",
        2,
        &["vocabulary.keep: it leaves none of the 6"],
    );
}

#[test]
fn a_word_is_found_as_the_text_spells_it() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "Café thé eau\nthé café eau\n".repeat(3));
    place.run("run", &["--set", "corpus.accents=strip"]).expect(0);
    let file = "run/vectors/sgns.safetensors";
    for word in ["CAFÉ", "cafe\u{301}", "cafe"] {
        let found = place.wordmill(&["similar", file, word, "-n", "1"]).expect(0);
        assert!(!found.stdout.is_empty());
    }
    let info = place.wordmill(&["info", file]).expect(0).stdout;
    assert!(String::from_utf8(info).unwrap().contains("\"accents\":\"strip\""));
    let raw = place.wordmill(&["similar", file, "Cafe", "--raw"]);
    raw.refused("as it is typed", 2, &["Cafe", "cafe"]);
    place.wordmill(&["analogy", file, "CAFÉ", "Thé", "EAU"]).expect(0);
    place.write("pairs.txt", "CAFÉ\tThé\t5\nEau\tthe\t1\nthé\tcafe\t4\n");
    let asked = place.wordmill(&["eval", file, "--similarity", "pairs.txt", "--json"]).expect(0);
    let asked: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert!(
        asked.to_string().contains("\"pairs\":3") || asked.to_string().contains("\"used\":3"),
        "{asked}"
    );
}
