//! The report of a run: the content of the page, and that it works in a browser.
//!
//! The browser is Chromium, or the one named by `WORDMILL_CHROMIUM`; without one that test is skipped with a
//! message.

use std::path::Path;
use std::process::Command;

use crate::support::{Place, TINY, tiny};

/// A finished run and its page.
fn place() -> (Place, String) {
    let place = Place::new(&format!("{TINY}[eval]\noutliers = [\"topic.txt\"]\n"));
    let words = String::from_utf8(tiny()["vocab/vocabulary.tsv"].clone()).unwrap();
    let words: Vec<&str> = words.lines().filter_map(|line| line.split('\t').next()).collect();
    place.write(
        "topic.txt",
        format!("{}\n\n{}\n", words[10..18].join("\n"), words[22..30].join("\n")),
    );
    let args = ["--progress", "none", "--set", "train.0.held_out=0.1"];
    let said = place.run("run", &args).expect(0).stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.ends_with("report: run/report/index.html\n")
            && said.contains("topic.txt outliers, % found"),
        "{said}"
    );
    let read = || std::fs::read_to_string(place.path("run/report/index.html")).unwrap();
    let first = read();
    std::fs::remove_dir_all(place.path("run/report")).unwrap();
    let said = place.wordmill(&["report", "run"]).expect(0).stdout;
    assert_eq!(String::from_utf8(said).unwrap(), "run/report/index.html\n");
    let page = read();
    assert!(page == first, "a page that is written again is another one");
    (place, page)
}

/// The page after its script has run in the browser; `None` without a browser.
fn in_browser(page: &Path, hash: &str) -> Option<String> {
    let named = std::env::var("WORDMILL_CHROMIUM").ok().map(|name| vec![name]);
    let usual = ["chromium", "chromium-browser", "google-chrome", "chrome"].map(str::to_owned);
    let names = named.unwrap_or_else(|| usual.to_vec());
    let works = |name: &String| {
        Command::new(name).arg("--version").output().is_ok_and(|ended| ended.status.success())
    };
    let Some(browser) = names.iter().find(|name| works(name)) else {
        println!("skipped: there is no {}", names.join(", "));
        return None;
    };
    let profile = tempfile::tempdir().unwrap();
    let ended = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}#{hash}", page.display()))
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Some(String::from_utf8(ended.stdout).unwrap())
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let (place, page) = place();
    assert!(page.starts_with("<!doctype html>"));
    let asks = ["http://", "https://", "src=", "@import", "url(", "fetch("];
    let name = "http://www.w3.org/2000/svg";
    let rest = page.replace(name, "");
    for words in asks {
        assert!(!rest.contains(words), "{words}");
    }
    for trainer in ["sgns", "hs", "glove"] {
        assert!(page.contains(&format!("\"name\":\"{trainer}\"")), "{trainer}");
    }
    let marks = page.matches("</script").count();
    assert_eq!(marks, 2, "no word of the text ends a script");
    place.wordmill(&["verify", "run"]).expect(0);
    place.wordmill(&["report", "nowhere"]).refused("no run", 4, &["nowhere", "run.json"]);
    std::fs::remove_file(place.path("run/vectors/hs.safetensors")).unwrap();
    place.wordmill(&["report", "run"]).refused("no vectors", 4, &["hs.safetensors"]);
}

#[test]
fn a_browser_shows_it_and_looks_up_a_word() {
    let (place, page) = place();
    let path = place.path("run/report/index.html");
    let vectors = place.path("run/vectors/sgns.safetensors");
    let vectors = wordmill_formats::Vectors::open(&crate::reading::disk(), &vectors).unwrap();
    let word = vectors.words().text(30).into_owned();
    let Some(shown) = in_browser(&path, &format!("word={word}")) else {
        return;
    };
    assert!(shown.contains("data-ready=\"1\""), "the script did not reach its end: {shown}");
    assert!(shown.contains("data-errors=\"0\"") && !shown.contains("data-error="), "{shown}");
    assert!(shown.contains(&format!("“{word}” occurs ")), "{word}");
    assert!(shown.contains("topic.txt: outliers, % found"), "{shown}");
    assert_eq!(
        shown.matches("class=\"quiet held-out\"").count(),
        1,
        "one trainer has a second curve"
    );
    for trainer in ["sgns", "hs", "glove"] {
        assert!(shown.contains(&format!("data-trainer=\"{trainer}\"")), "{trainer}");
        let args = ["similar", &format!("run/vectors/{trainer}.safetensors"), &word, "-n", "1"];
        let best = place.wordmill(&args).expect(0).stdout;
        let best = String::from_utf8(best).unwrap();
        let best = best.split('\t').next().unwrap();
        assert!(shown.contains(&format!(">{best}</button>")), "{trainer}: {best}");
    }
    let unknown = in_browser(&path, "word=zzzzz").unwrap();
    assert!(unknown.contains("is not among the"), "{unknown}");
    // A page with an error in it is detected.
    let broken = place
        .write("broken.html", page.replace("function curves() {", "function curves() { slip();"));
    let broken = in_browser(&broken, "").unwrap();
    assert!(broken.contains("data-errors=\"1\"") && !broken.contains("data-ready"), "{broken}");
}
