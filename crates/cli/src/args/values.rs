//! The values of flags that have a list of them, and what they stand for in the other crates.

use clap::ValueEnum;
use wordmill_cooccur::MatrixFormat;
use wordmill_formats::compat::incoming::BadRows;
use wordmill_query::{AnalogyMethod, Convention, ExportElement, ExportSpaces, ExportWhich, Which};

use crate::display::ProgressMode;
use crate::log::Level;

/// Declares an enum of flag values and what they stand for.
macro_rules! values {
    ($(#[$doc:meta])* $name:ident => $target:ident { $($value:ident),* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, ValueEnum)]
        #[allow(missing_docs)]
        pub enum $name {
            $($value),*
        }

        impl From<$name> for $target {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$value => $target::$value),*
                }
            }
        }
    };
}

values! {
    /// `--progress`
    ProgressArg => ProgressMode { Auto, Bar, Plain, Json, None }
}
values! {
    /// `--log-level`
    LevelArg => Level { Error, Warn, Info, Debug }
}
values! {
    /// `--which` of queries
    WhichArg => Which { Word, Context, Sum }
}
values! {
    /// `--format` of the matrix
    MatrixFormatArg => MatrixFormat { Npz, Mtx, Glove, Ppmi }
}
values! {
    /// `--method`
    MethodArg => AnalogyMethod { Add, Mul }
}
values! {
    /// `--convention`
    ConventionArg => Convention { Wordmill, Word2vec, Gensim }
}
values! {
    /// `--dtype`
    ElementArg => ExportElement { F32, F16, Int8 }
}
values! {
    /// `--spaces`
    SpacesArg => ExportSpaces { Refuse, Underscore }
}
values! {
    /// `--bad-rows`
    BadRowsArg => BadRows { Refuse, Skip, Repair }
}
values! {
    /// `--which` of exports
    ExportWhichArg => ExportWhich { Word, Context, Sum, Mean, Concat }
}
