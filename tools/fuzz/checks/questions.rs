//! What people write: sets of questions (analogies, similarities and outliers), and lists of words.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use wordmill_formats::{DiskStorage, Storage, Vectors};
use wordmill_query::{
    AnalogySet, EvalConfig, OutlierSet, QueryError, SimilaritySet, score_analogies, score_outliers,
    score_similarity,
};
use wordmill_train::{Frozen, TrainError};

use super::{Read, Target, held, nothing_to_repair};

const VECTORS: &[u8] = include_bytes!("../seeds/vectors/both-sides.safetensors");

/// The readers of questions and of lists.
pub const TARGETS: &[Target] = &[
    Target {
        name: "questions",
        read: Read::OnDisk(read_questions),
        repair: nothing_to_repair,
        fixed_bytes: 1 << 20,
        times: 512,
    },
    Target {
        name: "frozen",
        read: Read::OnDisk(read_frozen),
        repair: nothing_to_repair,
        fixed_bytes: 1 << 20,
        times: 4,
    },
];

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

fn read_frozen(path: &Path) -> Result<(), String> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    let refused = |error: TrainError| {
        let is_bad = match &error {
            TrainError::Format(error) => error.is_bad_artefact(),
            error => matches!(error, TrainError::Given { .. }),
        };
        assert!(is_bad, "blames another: {error}");
        error.to_string()
    };
    let frozen = Frozen::read(&storage, path, vectors().words()).map_err(refused)?;
    assert!(frozen.words() > 0, "a list of nothing is refused");
    Ok(())
}

fn refused(error: QueryError) -> String {
    assert!(error.is_bad_input(), "blames another: {error}");
    error.to_string()
}
