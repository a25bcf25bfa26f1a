//! `cwmem man`: the manual page on standard output, or one a command in a folder.

use crate::exit::Exit;
use std::io::Write;
use std::path::Path;

pub fn run(command: clap::Command, dir: Option<&Path>) -> Exit {
    let written = match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir))
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command).render(&mut page);
            rendered.and_then(|()| std::io::stdout().write_all(&page))
        }
    };
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => {
            let place = dir.map_or("standard output".into(), |dir| dir.display().to_string());
            eprintln!("cwmem: cannot write the manual to {place}: {error}");
            Exit::Unavailable
        }
    }
}
