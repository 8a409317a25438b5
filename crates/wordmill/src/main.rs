//! The program wordmill. All of it is in `wordmill-cli`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    wordmill_cli::main()
}
