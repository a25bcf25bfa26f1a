//! `cwmem man`: the manual page on standard output, or one a command in a folder.

use crate::command::output;
use crate::exit::Exit;
use std::path::Path;

pub fn run(command: clap::Command, dir: Option<&Path>) -> Exit {
    let mut page = Vec::new();
    let written = match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir))
        }
        None => clap_mangen::Man::new(command).render(&mut page),
    };
    match (written, dir) {
        (Ok(()), _) => output::show(String::from_utf8_lossy(&page), Exit::Ok),
        (Err(error), dir) => {
            let place = dir.map_or("memory".into(), |dir| dir.display().to_string());
            output::complain(format_args!("cannot write the manual to {place}: {error}"));
            Exit::Unavailable
        }
    }
}
