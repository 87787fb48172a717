//! `parse`: the Dockerfile as JSON, as BuildKit's parser sees it. For tools and for comparing with BuildKit.

use std::io::{self, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use planner::dockerfile::Dockerfile;

use crate::Status;
use crate::fault::Fault;
use crate::intake;
use crate::render;
use crate::render::json::{self, ParseView};

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  stageplan parse Dockerfile
      Every instruction with its lines, flags and arguments
  printf 'FROM alpine\\nRUN true\\n' | stageplan parse -
      The same of standard input
";

/// Print a Dockerfile as JSON, as BuildKit's parser sees it
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ParseArgs {
    /// The Dockerfile, `-` for standard input
    file: PathBuf,
}

pub(super) fn run(args: &ParseArgs) -> anyhow::Result<Status> {
    let mut bytes = Vec::new();
    if args.file.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        bytes = intake::read_by_hand(&args.file).map_err(|error| {
            Fault::new(format!("cannot read `{}`: {}", args.file.display(), intake::reason(&error)))
        })?;
    }
    let (dockerfile, diagnostics) = Dockerfile::parse(&bytes);
    let view = ParseView::new(&dockerfile, &diagnostics);
    render::answer(&json::write(&view)?)?;
    Ok(if view.is_ok() { Status::Answered } else { Status::CouldNot })
}
