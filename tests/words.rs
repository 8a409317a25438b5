//! How words are formed and found again: normalisers, lists of words, and questions in another
//! spelling.

use crate::support::{Dice, Place, same_however_it_is_run};

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
fn first_lines_are_shown_beside_their_words() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "The Cat, and a dog.\n\n나는 학교에서\n");
    let shown = String::from_utf8(place.wordmill(&["preview"]).expect(0).stdout).unwrap();
    assert!(shown.contains("The Cat, and a dog. │ the · cat · and · a · dog\n"), "{shown}");
    assert!(shown.contains("     3  나는 학교에서       │ 나는 · 학교에서\n"), "{shown}");
    assert!(!place.path("run").exists(), "nothing is written");
    place.write("stop.txt", "the\n");
    place.write("a.jsonl", "{\"t\": \"The cat\"}\nno\n{\"t\": \"caf\u{e9}\"}\n");
    let args =
        ["preview", "a.jsonl", "--json", "--set", "corpus.format=jsonl", "--set", "corpus.field=t"];
    let stop = ["--set", "corpus.stop_words=stop.txt"];
    let json = place.wordmill(&[&args[..], &stop].concat()).expect(0).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["tokenizer"]["name"], "words");
    assert_eq!((&json["records"], json["broken"].as_array().unwrap().len()), (&3.into(), 1));
    assert_eq!(json["lines"][0]["words"], serde_json::json!(["cat"]));
    assert_eq!(json["lines"][0]["stop_words"], 1);
    assert_eq!(json["lines"][1]["text"], "café");
    let model = "#wordmill-pieces\tkorean\t1\n##에서\t0.9\t9\n학교\t2\n";
    place.write("model.tsv", model);
    let korean = ["preview", "text.txt", "--set", "corpus.tokenizer=korean"];
    let bare = String::from_utf8(place.wordmill(&korean).expect(0).stdout).unwrap();
    assert!(bare.contains("these are whole words") && bare.contains("나는 · 학교에서"), "{bare}");
    let with = [&korean[..], &["--set", "corpus.pieces=model.tsv"]].concat();
    let cut = String::from_utf8(place.wordmill(&with).expect(0).stdout).unwrap();
    assert!(cut.contains("나는 · 학교 · ##에서"), "{cut}");
    place.wordmill(&["preview", "absent.txt"]).refused("no text", 3, &["absent.txt"]);
    place.write("empty.txt", "");
    let empty = place.wordmill(&["preview", "empty.txt"]).expect(0).stdout;
    assert!(String::from_utf8(empty).unwrap().contains("no line that is not blank"));
}

#[test]
fn a_program_cuts_lines() {
    let place = Place::new(PIPELINE);
    let sample = place.wordmill(&["sample", "--bytes", "60KB"]).expect(0).stdout;
    place.write("text.txt", sample);
    let words = |tokenizer: &str| -> Vec<String> {
        let set = |key: &str, value: &str| format!("corpus.{key}={value}");
        let sets = [set("tokenizer", tokenizer), set("chunk_bytes", "8KiB")];
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let found = vocabulary(&place, "run", &sets).0;
        std::fs::remove_dir_all(place.path("run")).unwrap();
        found
    };
    assert_eq!(words("command:cat"), words("whitespace"));
    let bare = words("command:sed 's/[^A-Za-z0-9]/ /g'");
    assert!(
        bare.iter().all(|row| row.chars().all(|c| c.is_alphanumeric() || c == ' ')),
        "{bare:?}"
    );
    let run = |tokenizer: &str| {
        let tokenizer = format!("corpus.tokenizer={tokenizer}");
        let ended = place.run("bad", &["--set", &tokenizer, "--until", "tokenize"]);
        let _ = std::fs::remove_dir_all(place.path("bad"));
        ended
    };
    run("command:no-such-program -x").refused("no program", 3, &["starting \"no-such-program\""]);
    run("command:head -n 3").refused(
        "few lines",
        3,
        &["command:head -n 3: ", "it wrote 3 lines for"],
    );
    run("command:sed p").refused("many lines", 3, &["it wrote more than"]);
    run("command:sh -c 'echo oh no >&2; exit 9'").refused(
        "failure",
        3,
        &["exit status: 9", "oh no"],
    );
    run("command:").refused("nothing", 2, &["there is no program in it"]);
    let shown =
        place.wordmill(&["preview", "-n", "1", "--set", "corpus.tokenizer=command:tr a-z A-Z"]);
    assert!(String::from_utf8(shown.expect(0).stdout).unwrap().contains("tokenizer command"));
}

/// A program that never ends does not keep a run from stopping.
#[test]
fn a_program_ends_with_the_run() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "a b\n");
    let args = ["--set", "corpus.tokenizer=command:tail -f /dev/null", "--max-time", "1s"];
    place.run("run", &args).refused("time is up", 75, &[]);
}

#[cfg(not(feature = "cjk"))]
#[test]
fn a_tokenizer_that_is_not_built_in_says_how_to_build_it() {
    let place = Place::new(PIPELINE);
    let set = |tokenizer: &str| format!("corpus.tokenizer={tokenizer}");
    for (tokenizer, feature) in [("cjk", "cjk"), ("hf:tokenizer.json", "hf")] {
        let says = format!("--features {feature}");
        place.run("run", &["--set", &set(tokenizer)]).refused(
            tokenizer,
            2,
            &["built without", &says],
        );
    }
}

#[test]
fn lists_say_what_they_remove() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "the cat and the dog\nthe the\na bird and a cat\n");
    place.write("stop.txt", "The\nand\nnew york\n");
    let (found, said) = vocabulary(&place, "stop", &["corpus.stop_words=stop.txt"]);
    assert_eq!(found, ["a 2", "bird 1", "cat 2", "dog 1"]);
    assert!(said.contains("left out as stop words: 6 tokens"), "{said}");
    assert!(said.contains("corpus.stop_words: 1 line left out as not one word"), "{said}");
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
    // A list is identified by its content: another name is no change, another word is.
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

/// Words of stems with endings, each stem of its own few syllables.
fn korean() -> String {
    const ENDINGS: [&str; 8] = ["", "에", "에서", "는", "의", "을", "으로", "이다"];
    let mut dice = Dice(7);
    let mut text = String::new();
    for _ in 0..6_000 {
        let syllable = |dice: &mut Dice| {
            char::from_u32(0xac00 + dice.roll(6) as u32 * 588 + 28).expect("a syllable of Hangul")
        };
        let stem = [syllable(&mut dice), syllable(&mut dice), syllable(&mut dice)];
        text.extend(stem);
        text += ENDINGS[dice.roll(8) as usize];
        text.push(if dice.roll(9) == 0 { '\n' } else { ' ' });
    }
    text + "학교에서 학교는 학교의 학교를 학교\n"
}

const PIECES: [&str; 4] = [
    "corpus.inputs=[\"ko.txt\"]",
    "corpus.chunk_bytes=8KiB",
    "cooccur.subsample=1e-3",
    "run.seed=3",
];

fn pieces_args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    PIECES.iter().chain(more).flat_map(|setting| ["--set", setting]).collect()
}

#[test]
fn words_become_pieces_and_are_found_by_their_stems() {
    let place = Place::new(PIPELINE);
    place.write("ko.txt", korean());
    let korean = pieces_args(&["corpus.tokenizer=korean"]);
    place.run("run", &korean).expect(0);
    let model = std::fs::read_to_string(place.path("run/pieces/korean.tsv")).unwrap();
    assert!(model.starts_with("#wordmill-pieces\tkorean\t1\n"), "{model}");
    assert!(model.contains("\n##에서\t"), "{model}");
    place.wordmill(&["verify", "run"]).expect(0);
    let file = "run/vectors/sgns.safetensors";
    for word in ["학교", "학교에서", "##에서"] {
        place.wordmill(&["similar", file, word]).expect(0);
    }
    place.wordmill(&["similar", file, "학교에서", "--raw"]).refused(
        "as it is typed",
        2,
        &["학교에서"],
    );
    // Words are kept if their cutting changes, and nothing is rebuilt without confirmation.
    let changed = pieces_args(&["corpus.tokenizer=korean", "corpus.endings=drop"]);
    place.run("run", &changed).refused(
        "endings",
        2,
        &["corpus.endings was keep, is drop (stage pieces)"],
    );
    let plain = pieces_args(&["corpus.tokenizer=words"]);
    place.run("run", &plain).refused("no pieces", 2, &["(stage vocabulary)"]);
    let rebuilt = [&changed[..], &["--rebuild"]].concat();
    let ended = place.run("run", &rebuilt).expect(0);
    assert!(ended.stderr.contains("endings of"), "{}", ended.stderr);
    place.wordmill(&["similar", file, "학교에서"]).expect(0);
    place.wordmill(&["similar", file, "##에서"]).refused("no ending", 2, &["##에서"]);
    // A model that was edited.
    let edited: String = model
        .lines()
        .filter(|line| !line.starts_with("##에서"))
        .map(|l| l.to_owned() + "\n")
        .collect();
    place.write("mine.tsv", edited);
    let given = pieces_args(&["corpus.tokenizer=korean", "corpus.pieces=mine.tsv"]);
    place.run("given", &given).expect(0);
    let list = std::fs::read_to_string(place.path("given/vocab/vocabulary.tsv")).unwrap();
    assert!(list.contains("##에\t") && !list.contains("##에서\t"), "{list}");
    place.run("wrong", &pieces_args(&["corpus.tokenizer=bpe", "corpus.pieces=mine.tsv"])).refused(
        "another learner",
        3,
        &["mine.tsv: reading a model of pieces: line 1: it is a model of \"korean\""],
    );
}

#[test]
fn pieces_are_the_same_for_any_threads_and_memory_and_after_kills() {
    for tokenizer in ["corpus.tokenizer=korean", "corpus.tokenizer=bpe"] {
        let place = Place::new(PIPELINE);
        place.write("ko.txt", korean());
        let more = [
            tokenizer,
            if tokenizer.ends_with("bpe") {
                "corpus.bpe_merges=300"
            } else {
                "corpus.endings=keep"
            },
        ];
        let args = pieces_args(&more);
        let points = [
            "pieces/merge-",
            "pieces/",
            "pieces/shard-00000-00003.words",
            "pieces/index",
            "vocab/remap",
        ];
        same_however_it_is_run(&place, &args, &points);
    }
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
