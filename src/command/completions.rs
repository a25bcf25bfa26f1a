//! `cwmem completions SHELL`: a completion script on standard output.

use crate::exit::Exit;

pub fn run(shell: clap_complete::Shell, command: &mut clap::Command) -> Exit {
    clap_complete::generate(shell, command, "cwmem", &mut std::io::stdout());
    Exit::Ok
}
