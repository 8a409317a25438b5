//! The stage `shuffle`: from the matrix to tiles in random order.

use wordmill_cooccur as cooccur;
use wordmill_flow::Need;
use wordmill_formats::StageRow;

use super::outputs::{open_stripes, published};
use super::settings::section;
use super::{import, merge, vocabulary};
use crate::config::Config;
use crate::error::Error;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Tiles, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: "shuffle", version: 5, folders };

/// Where the tiles are.
const FOLDER: &str = "tiles";

fn folders(_: &str) -> Vec<Folder> {
    vec![Folder::whole(FOLDER)]
}

/// The stages whose files all trainers of the matrix read, before the tiles.
pub(super) fn matrix_stages() -> Vec<String> {
    [vocabulary::KIND, merge::KIND, import::KIND].map(|kind| kind.name.to_owned()).to_vec()
}

/// The stage.
pub struct Shuffle {
    listed: Listed,
}

impl Shuffle {
    /// For a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut settings = section(config, "tiles", &Past::default());
        settings.insert("run.seed".into(), config.run.seed.to_string());
        Self { listed: Listed::new(KIND.name, settings) }
    }

    fn grid(run: &Run<'_>, so_far: &Artefacts) -> u32 {
        run.config.tiles.stripes(so_far.text().vocabulary.len() as u64)
    }
}

impl Stage for Shuffle {
    fn listed(&self) -> &Listed {
        &self.listed
    }

    fn reads(&self) -> Vec<String> {
        matrix_stages()
    }

    fn inputs(&self, _: &Run<'_>, so_far: &Artefacts) -> Result<Settings, Error> {
        let (_, digest) = so_far.matrix.as_ref().expect("the matrix comes before");
        Ok([("input.merge".to_owned(), digest.clone())].into())
    }

    fn need(&self, outlook: &Outlook<'_>) -> Need {
        cooccur::need::shuffle(&outlook.counts(), outlook.room)
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        fingerprint: &str,
    ) -> Result<Work<'a>, Error> {
        let grid = Self::grid(run, so_far);
        let config = cooccur::ShuffleConfig {
            folder: FOLDER.into(),
            grid,
            seed: run.config.run.seed,
            fingerprint: fingerprint.to_owned(),
            slots: 0,
            checkpoint_every: run.config.run.checkpoint_every,
        };
        let (index, _) = so_far.matrix.as_ref().expect("the matrix comes before");
        Ok(Box::new(move || {
            let source = cooccur::MatrixCells::new(run.dir, index);
            let stripes = cooccur::shuffle(run.ctx, run.dir, &config, &source)?;
            let outputs = stripes.iter().map(published).collect();
            let counts = vec![("grid", u64::from(grid)), ("cells", index.cells)];
            Ok(Made { outputs, counts, says: None })
        }))
    }

    fn open(
        &self,
        run: &Run<'_>,
        _: Option<&StageRow>,
        fingerprint: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error> {
        let stripes = open_stripes(run.dir, FOLDER, Self::grid(run, so_far))?;
        so_far.tiles = Some(Tiles { stripes, fingerprint: fingerprint.to_owned() });
        Ok(())
    }
}
