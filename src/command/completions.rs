//! `cwmem completions SHELL`: a completion script on standard output.

use crate::command::output;
use crate::exit::Exit;

pub fn run(shell: clap_complete::Shell, command: &mut clap::Command) -> Exit {
    // Into memory first: it panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "cwmem", &mut script);
    output::show(String::from_utf8_lossy(&script), Exit::Ok)
}
