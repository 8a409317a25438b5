//! Sets of questions that people write: analogies, similarities and outliers.

use std::path::Path;
use std::sync::OnceLock;

use wordmill_formats::Vectors;
use wordmill_query::{
    AnalogySet, EvalConfig, OutlierSet, QueryError, SimilaritySet, score_analogies, score_outliers,
    score_similarity,
};

use super::{Read, Target, held, nothing_to_repair};

const VECTORS: &[u8] = include_bytes!("../seeds/vectors/both-sides.safetensors");

/// The readers of questions.
pub const TARGETS: &[Target] = &[Target {
    name: "questions",
    read: Read::OnDisk(read_questions),
    repair: nothing_to_repair,
    fixed_bytes: 1 << 20,
    times: 512,
}];

fn vectors() -> &'static Vectors {
    static VECTORS_READ: OnceLock<Vectors> = OnceLock::new();
    VECTORS_READ.get_or_init(|| {
        let (storage, path) = held(VECTORS);
        Vectors::open(&storage, path).expect("a seed is whole")
    })
}

fn read_questions(path: &Path) -> Result<(), String> {
    let analogies = AnalogySet::read(path).map_err(refused);
    let similarity = SimilaritySet::read(path).map_err(refused);
    let outliers = OutlierSet::read(path).map_err(refused);
    let config = EvalConfig { top: 0, ..EvalConfig::default() };
    if let Ok(set) = &analogies {
        score_analogies(vectors(), set, &config).expect("there are word vectors");
    }
    if let Ok(set) = &similarity {
        score_similarity(vectors(), set, &config);
    }
    if let Ok(set) = &outliers {
        score_outliers(vectors(), set, &config).expect("there are word vectors");
    }
    analogies.map(drop).or(similarity.map(drop)).or(outliers.map(drop))
}

fn refused(error: QueryError) -> String {
    assert!(error.is_bad_input(), "blames another: {error}");
    error.to_string()
}
