//! Files of vectors as users have them: packed, through pipes, of any format, with rows that are bad, or cut by others.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::support::{Ended, Place, end, tiny};

const VEC: &str = "4 3\nlake 0.5 -1 2\nhill 0.25 8 1\nfog -3 0.125 1\nmoss 1 1 1\n";

/// A place with the same vectors in many formats, and packed in the ways that every build reads.
fn place() -> (Place, Vec<String>) {
    let place = Place::new("");
    place.write("v.vec", VEC);
    let mut names = vec!["v.vec".to_owned()];
    for (name, format) in [
        ("v.safetensors", "safetensors"),
        ("v.bin", "word2vec"),
        ("v.txt", "glove"),
        ("v.npy", "npy"),
        ("v.fifu", "finalfusion"),
    ] {
        place.wordmill(&["convert", "v.vec", name, "--format", format]).expect(0);
        names.push(name.to_owned());
    }
    let small =
        ["export", "v.safetensors", "i8.safetensors", "--format", "safetensors", "--dtype", "int8"];
    place.wordmill(&small).expect(0);
    names.push("i8.safetensors".into());
    (place, names)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn text(ended: &Ended) -> String {
    String::from_utf8(ended.stdout.clone()).unwrap()
}

#[test]
fn every_command_takes_every_format() {
    let (place, names) = place();
    let says = |args: &[&str]| {
        let ended = place.wordmill(args).expect(0);
        (text(&ended), ended.stderr)
    };
    let expected = says(&["similar", "v.safetensors", "lake"]).0;
    for name in &names {
        let (found, said) = says(&["similar", name, "lake"]);
        if name != "i8.safetensors" {
            assert_eq!(found, expected, "{name}");
        }
        // What is done is reported, but for a file that is mapped as it is.
        assert_eq!(said.contains("converted for this command"), name != "v.safetensors", "{said}");
        says(&["vector", name, "hill"]);
        says(&["analogy", name, "lake", "hill", "fog"]);
        says(&["eval", name]);
        says(&["eval", name, "v.vec"]);
        says(&["export", name, "out.txt", "--format", "glove"]);
        says(&["info", name]);
        let ended = end(place.command(&["query", name]), b"lake + hill\n");
        assert!(text(&ended.expect(0)).contains("moss"), "{name}");
        place.wordmill(&["predict", name, "lake"]).refused(name, 2, &[name, "predicting"]);
    }
    place.write("prose", "once upon a time\nthere was a lake\n");
    place.wordmill(&["similar", "prose", "lake"]).refused("prose", 4, &["prose", "not vectors"]);
}

#[test]
fn packed_files_are_read_by_what_they_hold_whatever_their_name() {
    let (place, names) = place();
    for name in &names {
        let bytes = fs::read(place.path(name)).unwrap();
        let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
        // Members, and padding as of a tape.
        let half = bytes.len() / 2;
        let members = [gzip(&bytes[..half]), gzip(&bytes[half..]), vec![0; 512]].concat();
        for (packed, ending) in [(gzip(&bytes), "gz"), (members, "gz"), (zstd, "zst")] {
            for packed_name in [format!("{name}.{ending}"), "any".to_owned()] {
                if packed_name == "any" && name == "v.npy" {
                    continue;
                }
                place.write(&packed_name, &packed);
                let plain = place.wordmill(&["similar", name, "lake"]).expect(0);
                let found = place.wordmill(&["similar", &packed_name, "lake"]).expect(0);
                assert_eq!(text(&found), text(&plain), "{packed_name} of {name}");
                assert!(found.stderr.contains("unpacked with"), "{}", found.stderr);
                place.wordmill(&["info", &packed_name]).expect(0);
                place.wordmill(&["convert", &packed_name, "back.vec"]).expect(0);
            }
        }
    }
    let whole = gzip(VEC.as_bytes());
    place.write("cut.gz", &whole[..whole.len() - 9]);
    place.wordmill(&["convert", "cut.gz", "o.vec"]).refused("cut", 4, &["cut.gz", "gzip"]);
    place.write("zip", b"PK\x03\x04rest of it");
    place.wordmill(&["similar", "zip", "a"]).refused("zip", 4, &["zip archive", "unzip -p"]);
    let left = crate::support::names(&place.path(""));
    assert!(left.iter().all(|name| !name.contains("partial") && !name.contains("tmp")), "{left:?}");
}

#[test]
fn what_comes_through_a_pipe_is_read_once_and_leaves_nothing() {
    let (place, names) = place();
    let scratch = place.path("scratch");
    fs::create_dir(&scratch).unwrap();
    symlink("/proc/self/fd/0", place.path("in")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path("fifo")).status().unwrap().success());
    for name in names.iter().filter(|name| *name != "v.npy") {
        let expected = fs::read(place.path(name)).unwrap();
        for bytes in [expected.clone(), gzip(&expected)] {
            for input in ["-", "in", "/dev/stdin", "/dev/fd/0"] {
                let mut command = place.command(&["convert", input, "out/got.vec"]);
                command.env("TMPDIR", &scratch);
                let ended = end(command, &bytes).expect(0);
                assert!(ended.stderr.contains("as it can be read only once"), "{}", ended.stderr);
                let back = fs::read_to_string(place.path("out/got.vec")).unwrap();
                assert!(back.starts_with("4 3\nlake "), "{name} through {input}: {back}");
            }
            let mut command = place.command(&["similar", "-", "lake"]);
            command.env("TMPDIR", &scratch);
            assert!(text(&end(command, &bytes).expect(0)).contains("moss"));
        }
    }
    let script = "cat v.vec > fifo & \"$0\" convert fifo - --format glove";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_wordmill")]).current_dir(place.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert!(VEC.ends_with(&text(&end(command, &[]).expect(0))));
    // Bad input through a pipe leaves nothing either.
    let ended = end(place.command(&["convert", "-", "no.vec"]), b"lake 1 2\nhill 1 x\n");
    ended.refused("a bad row", 4, &["-: ", "line 2"]);
    let array = fs::read(place.path("v.npy")).unwrap();
    end(place.command(&["convert", "-", "no.vec"]), &array).refused("an array", 4, &["words"]);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert_eq!(crate::support::names(&place.path("out")), ["got.vec"]);
    assert!(!place.path("no.vec").exists());
    // Questions come through standard input already.
    place.wordmill(&["query", "-"]).refused("query", 2, &["name a file"]);
}

#[test]
fn a_pipe_that_nobody_writes_to_ends_at_the_first_signal() {
    let place = Place::new("");
    assert!(Command::new("mkfifo").arg(place.path("fifo")).status().unwrap().success());
    for signal in ["TERM", "INT"] {
        let mut command = Command::new("timeout");
        command.args(["--preserve-status", "-k", "60", "-s", signal, "1"]);
        command.arg(env!("CARGO_BIN_EXE_wordmill")).args(["convert", "fifo", "out.vec"]);
        command.current_dir(place.path("")).stdin(Stdio::null());
        let status = command.status().unwrap();
        assert_ne!(status.code(), Some(137), "SIG{signal} was enough");
        assert!(!status.success());
    }
    assert_eq!(crate::support::names(&place.path("")), ["fifo", "pipeline.toml"]);
}

#[test]
fn bad_rows_are_refused_with_a_flag_that_works() {
    let place = Place::new("");
    let rows = b"lake 1 2\ncaf\xe9 3 4\nlake 5 6\nold moor 7 8\nfog nan 1\nmoss 1\nhill 2 1\n";
    place.write("bad", rows);
    for args in [
        &["convert", "bad", "o.vec", "--spaces", "underscore"][..],
        &["export", "bad", "o.vec", "--format", "glove", "--spaces", "underscore"],
        &["similar", "bad", "lake"],
        &["vector", "bad", "lake"],
        &["analogy", "bad", "lake", "hill", "old moor"],
        &["eval", "bad"],
    ] {
        let ended = place.wordmill(args);
        assert!(
            !ended.stderr.contains("whole copy"),
            "one row is bad, not the file: {}",
            ended.stderr
        );
        ended.refused(args[0], 4, &["bad: ", "line 2", "not UTF-8", "--bad-rows skip"]);
        for how in ["skip", "repair"] {
            let ended = place.wordmill(&[args, &["--bad-rows", how]].concat()).expect(0);
            let said = format!("{}{}", text(&ended), ended.stderr);
            assert!(
                said.contains("rows left out: 1 with a word that an earlier row has"),
                "{said}"
            );
            assert!(said.contains("1 with a number that is not finite"), "{said}");
            assert_eq!(said.contains("rows mended: 1"), how == "repair", "{said}");
            assert!(said.contains("words with spaces in them: 1"), "{said}");
        }
    }
    assert_eq!(
        fs::read_to_string(place.path("o.vec")).unwrap(),
        "lake 1 2\ncaf\u{fffd} 3 4\nold_moor 7 8\nhill 2 1\n"
    );
    let convert = ["convert", "bad", "o.safetensors", "--bad-rows", "skip"];
    place.wordmill(&convert).expect(0);
    let about = text(&place.wordmill(&["info", "o.safetensors"]).expect(0));
    for says in ["bad_rows", "rows_left_out", "rows_left_out.word_twice"] {
        assert!(about.contains(says), "{about}");
    }
    // What no row is left of is no file of vectors.
    place.write("none", b"caf\xe9 3 4\nbl\xe9 3 4\n");
    let args = ["convert", "none", "o.vec", "--bad-rows", "skip"];
    place.wordmill(&args).refused("no row", 4, &["none of its rows"]);
}

#[test]
fn words_with_other_spaces_are_refused_with_a_flag_that_works() {
    let place = Place::new("");
    place.write("wide", "lake 1 2\nold\u{a0}moor 3 4\n");
    let args = ["convert", "wide", "o.bin"];
    place.wordmill(&args).refused("a no-break space", 2, &["--spaces underscore"]);
    place.wordmill(&[&args[..], &["--spaces", "underscore"]].concat()).expect(0);
    place.wordmill(&["vector", "o.bin", "old_moor"]).expect(0);
    place.wordmill(&["convert", "wide", "o.safetensors"]).expect(0);
    place.wordmill(&["vector", "o.safetensors", "old\u{a0}moor"]).expect(0);
}

#[test]
fn unknown_words_are_reported_and_all_others_are_answered() {
    let (place, _) = place();
    let known = |word: &str| text(&place.wordmill(&["similar", "v.safetensors", word]).expect(0));
    let (lake, hill) = (known("lake"), known("hill"));
    let questions =
        "\u{feff}lake\nlak\n\nhill -\n:nothing\nhill - hill\nlake + hill - lake - hill\nhill\n";
    let ended = end(place.command(&["query", "v.safetensors"]), questions.as_bytes());
    assert_eq!(
        text(&ended),
        format!("{lake}\n\n\n\n\n\n{hill}\n"),
        "an empty line in the place of each"
    );
    ended.refused(
        "unknown",
        2,
        &[
            "standard input: line 2: ",
            "spelled alike: lake",
            "line 4: ",
            "a sign at the end",
            "line 5: ",
            "line 6: ",
            "line 7: ",
            "the sum is zero",
            "5 of 7 questions could not be answered",
        ],
    );
    let each = |file: &str, json: bool| {
        let mut args = vec!["similar", file, "lake", "lak", "hill", "--each"];
        args.extend(json.then_some("--json"));
        place.wordmill(&args)
    };
    let ended = each("v.safetensors", false);
    let prefixed = |word: &str, lines: &str| -> String {
        lines.lines().map(|line| format!("{word}\t{line}\n")).collect()
    };
    assert_eq!(text(&ended), prefixed("lake", &lake) + &prefixed("hill", &hill));
    ended.refused("each", 2, &["\"lak\"", "spelled alike: lake", "1 of 3"]);
    let ended = each("v.safetensors", true);
    let all: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(all[0]["neighbours"].as_array().unwrap().len(), 3);
    assert!(all[1]["error"].as_str().unwrap().contains("lake") && all[1]["word"] == "lak");
    assert_eq!(all[2]["word"], "hill");
    ended.refused("each as JSON", 2, &[]);
    let ended = place.wordmill(&["vector", "v.safetensors", "lake", "lak", "hill"]);
    assert_eq!(text(&ended), "lake 0.5 -1 2\nhill 0.25 8 1\n");
    ended.refused("vector", 2, &["\"lak\"", "1 of 3"]);
    let ended = place.wordmill(&["vector", "v.safetensors", "lak", "hill", "--json"]);
    let all: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(all[0]["error"].is_string() && all[1]["vector"][1] == 8.0, "{all}");
}

#[test]
fn what_is_zero_is_near_to_nothing() {
    let place = Place::new("");
    place.write("zero", "lake 1 2\nnull 0 0\nhill 2 1\n");
    for args in [
        &["similar", "zero", "null"][..],
        &["similar", "zero", "lake", "--minus", "lake"],
        &["similar", "zero", "lake", "hill", "--minus", "hill", "--minus", "lake"],
        &["analogy", "zero", "lake", "lake", "null"],
    ] {
        let ended = place.wordmill(args);
        assert!(ended.stdout.is_empty(), "{args:?}");
        ended.refused("zero", 2, &["zero"]);
    }
    let ended = place.wordmill(&["similar", "zero", "lake", "null", "--each"]);
    assert_eq!(text(&ended).lines().count(), 2, "the neighbours of lake");
    ended.refused("each", 2, &["\"null\"", "all zeros"]);
}

#[test]
fn scores_of_another_loss_are_no_probabilities() {
    let losses = [
        ("hinge", "loss = \"hinge\""),
        ("focal", "loss = { name = \"focal\", gamma = 2 }"),
        ("written", "loss = { positive = \"(s - 1)^2\", negative = \"(s + 1)^2\" }"),
    ];
    let trainer = |(name, loss): &(&str, &str)| {
        format!("[[train]]\nname = \"{name}\"\ndim = 8\nepochs = 1\nnegatives = 2\n{loss}\n")
    };
    let head = crate::support::TINY.split("[[train]]").next().unwrap();
    let place = Place::new(&(head.to_owned() + &losses.iter().map(trainer).collect::<String>()));
    place.run("run", &[]).expect(0);
    for (name, _) in losses {
        let file = format!("run/vectors/{name}.safetensors");
        for more in [&[][..], &["--json"]] {
            let ended = place.wordmill(&[&["predict", &file, "the"], more].concat());
            assert!(ended.stdout.is_empty());
            ended.refused(name, 2, &[&file, "no log-probabilities"]);
        }
        let ended = end(place.command(&["query", &file]), b"? the\n");
        ended.refused(name, 2, &["line 1", "no log-probabilities"]);
    }
}

/// Files that hold no vectors of a known format: their names, their bytes, and what is said of them.
fn strangers() -> [(&'static str, Vec<u8>, &'static [&'static str]); 13] {
    let zip = |member: &str| {
        let mut head = b"PK\x03\x04".to_vec();
        head.resize(26, 0);
        [&head[..], &[member.len() as u8, 0, 0, 0], member.as_bytes()].concat()
    };
    let tensors = |header: &str, bytes: usize| {
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &vec![0; bytes]].concat()
    };
    let bf16 = "{\"w\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}";
    let f32s = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
    let model = b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x1cgensim.models.keyedvectors";
    let header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }";
    let array = [&b"\x93NUMPY\x01\0\x3b\0"[..], header, &[0; 4]].concat();
    [
        (
            "ft.bin",
            [793_712_314_i32.to_le_bytes(), [12, 0, 0, 0]].concat(),
            &["fastText", ".vec", "load_facebook_vectors"],
        ),
        (
            "g.model",
            model.to_vec(),
            &["gensim", "KeyedVectors.load(\"g.model\").save_word2vec_format"],
        ),
        ("g.model.vectors.npy", array, &["gensim", "KeyedVectors.load(\"g.model\")"]),
        ("a.npz", zip("vectors.npy"), &["npz archive", "numpy.load(\"a.npz\")"]),
        ("net.pt", zip("archive/data.pkl"), &["PyTorch", "torch.load"]),
        ("a.h5", b"\x89HDF\r\n\x1a\n\0\0".to_vec(), &["HDF5"]),
        ("a.7z", b"7z\xbc\xaf\x27\x1c".to_vec(), &["7-Zip", "unpack"]),
        ("page.bin", b"<!DOCTYPE html><html><head>".to_vec(), &["HTML", "download"]),
        (
            "lfs.bin",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n".to_vec(),
            &["git lfs pull"],
        ),
        ("empty.vec", Vec::new(), &["it is empty"]),
        ("p.pkl", b"\x80\x03}q\0.".to_vec(), &["pickle"]),
        (
            "bf16.safetensors",
            tensors(bf16, 8),
            &["safetensors file of another program", "load_file(\"bf16.safetensors\")"],
        ),
        ("f32.safetensors", tensors(f32s, 16), &["safetensors file of another program"]),
    ]
}

#[test]
fn files_of_other_programs_are_named_with_a_way_out() {
    let place = Place::new("");
    for (name, bytes, says) in strangers() {
        place.write(name, bytes);
        for args in [
            &["similar", name, "a"][..],
            &["vector", name, "a"],
            &["analogy", name, "a", "b", "c"],
            &["predict", name, "a"],
            &["query", name],
            &["eval", name],
            &["info", name],
            &["export", name, "o.vec", "--format", "glove"],
            &["convert", name, "o.vec"],
        ] {
            if (args[0], name) == ("info", "f32.safetensors")
                || (args[0], name) == ("info", "g.model.vectors.npy")
            {
                continue;
            }
            place.wordmill(args).refused(&format!("{args:?}"), 4, says);
        }
    }
    place.wordmill(&["similar", ".", "a"]).refused(
        "a folder",
        2,
        &["it is a folder", "name a file"],
    );
}

#[test]
fn a_run_directory_with_one_trainer_names_its_vectors() {
    let place = Place::new(crate::support::TINY.split("[[train]]\nname = \"hs\"").next().unwrap());
    place.run("run", &[]).expect(0);
    let file = "run/vectors/sgns.safetensors";
    for args in [
        &["similar", "DIR", "country"][..],
        &["vector", "DIR", "country"],
        &["analogy", "DIR", "country", "the", "of"],
        &["predict", "DIR", "country"],
        &["eval", "DIR"],
        &["export", "DIR", "-", "--format", "glove"],
        &["convert", "DIR", "-", "--format", "glove"],
    ] {
        let with = |name: &str| {
            let args: Vec<&str> =
                args.iter().map(|it| if *it == "DIR" { name } else { it }).collect();
            text(&place.wordmill(&args).expect(0))
        };
        assert_eq!(with("run"), with(file), "{args:?}");
    }
    let several = Place::new("");
    several.put_tree("run", tiny());
    let says = ["3 files of vectors", "run/vectors/glove.safetensors", "name one"];
    several.wordmill(&["similar", "run", "country"]).refused("several", 2, &says);
    several.put_tree("none", &[("run.json".to_owned(), tiny()["run.json"].clone())].into());
    several.wordmill(&["similar", "none", "a"]).refused("none", 2, &["no vectors yet"]);
}

#[test]
fn vectors_that_a_user_put_beside_those_of_a_run_are_the_users() {
    let place = Place::new("");
    place.put_tree("run", tiny());
    let whole = &tiny()["vectors/sgns.safetensors"];
    place.write("run/vectors/mine.safetensors", &whole[..whole.len() - 9]);
    let ended = place.wordmill(&["similar", "run/vectors/mine.safetensors", "the"]);
    assert!(!ended.stderr.contains("delete"), "{}", ended.stderr);
    ended.refused("mine", 4, &["whole copy"]);
}

#[test]
fn nobody_is_told_to_delete_a_file_that_is_not_of_a_run() {
    let place = Place::new("");
    let whole = &tiny()["vectors/sgns.safetensors"];
    place.put_tree("run", tiny());
    for (name, bytes) in [
        ("cut.safetensors", &whole[..whole.len() - 9]),
        ("run/mine/cut.safetensors", &whole[..whole.len() - 9]),
        ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
        ("prose", b"once upon a time"),
        ("frames", b"wmframe\nnope"),
    ] {
        place.write(name, bytes);
        for command in ["info", "similar", "convert", "eval"] {
            let args = match command {
                "similar" => vec![command, name, "the"],
                "convert" => vec![command, name, "o.vec"],
                _ => vec![command, name],
            };
            let ended = place.wordmill(&args);
            if ended.code() != Some(0) {
                assert!(!ended.stderr.contains("delete"), "{args:?}: {}", ended.stderr);
                ended.refused(command, 4, &[name]);
            }
        }
    }
    // A run makes its own files again.
    place.write("run/vectors/sgns.safetensors", &whole[..whole.len() - 9]);
    let args = ["similar", "run/vectors/sgns.safetensors", "the"];
    place.wordmill(&args).refused("a file of a run", 4, &["delete it and run again"]);
}

#[test]
fn a_file_that_others_cut_while_it_is_mapped_ends_with_a_message() {
    let place = Place::new("");
    let rows: String = (0..20_000).map(|row| format!("word{row} {row} 0.5 0.25 1\n")).collect();
    place.write("many.txt", rows);
    place.wordmill(&["convert", "many.txt", "many.safetensors"]).expect(0);
    let mut command = place.command(&["query", "many.safetensors", "-n", "1"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut questions = child.stdin.take().unwrap();
    questions.write_all(b"word7\n").unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    assert!(line.starts_with("word"), "{line}");
    let file = fs::OpenOptions::new().write(true).open(place.path("many.safetensors")).unwrap();
    file.set_len(100).unwrap();
    questions.write_all(b"word19999\n").unwrap();
    drop(questions);
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(4), "{said}");
    assert!(said.contains("cut short") && said.contains("run again"), "{said}");
}
