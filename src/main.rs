//! Wires the command line to the library and maps what comes of it to an exit code; nothing more.

use std::process::ExitCode;

fn main() -> ExitCode {
    cwmem::cli::main().into()
}
