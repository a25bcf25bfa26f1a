//! Finds and reads the files, `cwmem.toml` and those of `conf.d` beside it, and makes one
//! configuration of them.

use crate::config::problem::{Fault, Place, Problems};
use crate::config::reader::Reader;
use crate::config::tree::{self, Table};
use crate::config::{Config, Level, schema};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What flags and the environment say; it wins over the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub proc_root: Option<PathBuf>,
    pub sys_root: Option<PathBuf>,
    pub level: Option<Level>,
    /// systemd's STATE_DIRECTORY and RUNTIME_DIRECTORY; a directory that a file names wins.
    pub state_directory: Option<PathBuf>,
    pub runtime_directory: Option<PathBuf>,
}

/// Reads the file at `path` and those of `conf.d` beside it. Without a path, the default one is
/// read if it is there; a path that was asked for must be there.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, Problems> {
    load_from(path.unwrap_or(Path::new(DEFAULT_PATH)), path.is_some(), overrides)
}

/// The configuration that `text` is, as if it alone stood in the file `name`. Reads no file.
pub fn parse_str(name: impl AsRef<Path>, text: &str) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let document = tree::parse(&Arc::from(name.as_ref()), text, &mut problems);
    finish(document, problems)
}

fn load_from(path: &Path, must_exist: bool, overrides: &Overrides) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let mut document = Table::default();
    let mut files = vec![path.to_owned()];
    let directory = path.with_file_name(DIRECTORY);
    match fragments(&directory) {
        Ok(fragments) => files.extend(fragments),
        Err(error) => problems.push(whole(&directory.into()), None, unreadable(&error)),
    }
    for file in files {
        let may_be_missing = !must_exist && file == path;
        let file = Arc::from(file);
        match read(&file) {
            Ok(bytes) => add(&file, &bytes, &mut document, &mut problems),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_missing => {}
            Err(error) => problems.push(whole(&file), None, unreadable(&error)),
        }
    }
    let mut config = finish(document, problems)?;
    overrides.apply(&mut config);
    Ok(config)
}

fn finish(document: Table, problems: Problems) -> Result<Config, Problems> {
    let mut reader = Reader::new(document, problems);
    let config = schema::read(&mut reader);
    let (_, problems) = reader.finish();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

impl Overrides {
    fn apply(&self, config: &mut Config) {
        if let Some(proc_root) = &self.proc_root {
            config.sample.proc_root.clone_from(proc_root);
        }
        if let Some(sys_root) = &self.sys_root {
            config.sample.sys_root.clone_from(sys_root);
        }
        if let Some(level) = self.level {
            config.log.level = level;
        }
        let default = Config::default().state;
        let named = [
            (&mut config.state.directory, default.directory, &self.state_directory),
            (
                &mut config.state.runtime_directory,
                default.runtime_directory,
                &self.runtime_directory,
            ),
        ];
        for (directory, default, given) in named {
            if let Some(given) = given.as_ref().filter(|_| *directory == default) {
                directory.clone_from(given);
            }
        }
    }
}

/// `*.toml` in the order of their names, without hidden files; none where there is no directory.
fn fragments(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if !hidden && Path::new(&name).extension() == Some(OsStr::new("toml")) {
            files.push(directory.join(name));
        }
    }
    files.sort();
    Ok(files)
}

fn add(file: &Arc<Path>, bytes: &[u8], document: &mut Table, problems: &mut Problems) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let table = tree::parse(file, text, problems);
            document.merge(table, problems);
        }
        Err(error) => {
            let (before, rest) = bytes.split_at(error.valid_up_to());
            let line = 1 + memchr::memchr_iter(b'\n', before).count();
            let found = rest.first().copied().unwrap_or_default();
            let fault = Fault::Syntax(format!("expected UTF-8 text, found the byte {found:#04x}"));
            problems.push(Place { file: Arc::clone(file), line: Some(line) }, None, fault);
        }
    }
}

/// A bound, so that no mistaken path (a device, a log) fills the memory.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= MAX_FILE {
        true => Ok(bytes),
        false => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 256 KiB")),
    }
}

fn whole(file: &Arc<Path>) -> Place {
    Place { file: Arc::clone(file), line: None }
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::Unreadable(error.to_string())
}

/// Where `--config` and CWMEM_CONFIG say nothing.
pub const DEFAULT_PATH: &str = "/etc/cwmem/cwmem.toml";
const DIRECTORY: &str = "conf.d";
const MAX_FILE: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Tenths;
    use expect_test::{Expect, expect};
    use std::fs;
    use tempfile::TempDir;

    /// A directory with these files; a name that ends in a slash is a directory.
    fn directory(files: &[(&str, &[u8])]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match name.ends_with('/') {
                true => fs::create_dir_all(path).unwrap(),
                false => fs::write(path, content).unwrap(),
            }
        }
        directory
    }

    fn load_in(directory: &TempDir, must_exist: bool) -> Result<Config, Problems> {
        load_from(&directory.path().join("cwmem.toml"), must_exist, &Overrides::default())
    }

    fn check(files: &[(&str, &[u8])], expected: Expect) {
        let directory = directory(files);
        let problems = load_in(&directory, true).unwrap_err().to_string();
        expected.assert_eq(&problems.replace(directory.path().to_str().unwrap(), "/etc/cwmem"));
    }

    #[test]
    fn the_default_file_may_be_missing_and_one_asked_for_may_not() {
        let empty = directory(&[]);
        assert_eq!(load_in(&empty, false), Ok(Config::default()));
        check(
            &[],
            expect![
                "/etc/cwmem/cwmem.toml: cannot be read: No such file or directory (os error 2)"
            ],
        );
        let fragment = directory(&[("conf.d/a.toml", b"sample.interval = \"2s\"")]);
        assert_eq!(load_in(&fragment, false).unwrap().sample.interval, Tenths(20));
        assert!(load_in(&fragment, true).is_err());
        let error = load(Some(Path::new("/nonexistent/cwmem.toml")), &Overrides::default());
        assert_eq!(error.unwrap_err().len(), 1);
    }

    #[test]
    fn fragments_are_read_in_the_order_of_their_names() {
        let config = load_in(
            &directory(&[
                ("cwmem.toml", b"[sample]\ninterval = \"2s\"\n[dimensions]\nMain = \"1\""),
                ("conf.d/20.toml", b"dimensions.Second = \"3\""),
                ("conf.d/10.toml", b"[dimensions]\nFirst = \"2\"\n[sample]\nsys_root = \"/x\""),
                (
                    "conf.d/30-sets.toml",
                    b"metrics.dimensions = [[\"Main\", \"First\", \"Second\"]]",
                ),
                ("conf.d/.hidden.toml", b"broken"),
                ("conf.d/.toml", b"broken"),
                ("conf.d/x.toml~", b"broken"),
                ("conf.d/README", b"broken"),
            ]),
            true,
        )
        .unwrap();
        assert_eq!(config.sample.interval, Tenths(20));
        assert_eq!(config.sample.sys_root, Path::new("/x"));
        let names: Vec<_> = config.dimensions.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Main", "First", "Second"]);
    }

    #[test]
    fn a_key_set_in_two_files_names_both() {
        check(
            &[
                (
                    "cwmem.toml",
                    b"[sample]\ninterval = \"2s\"\n[metrics]\nmeminfo = [\"Slab\"]\n[dimensions]\nA = \"1\"",
                ),
                ("conf.d/a.toml", b"[dimensions]\nA = \"1\"\n[metrics]\nmeminfo = [\"Dirty\"]"),
                ("conf.d/b.toml", b"sample = 1\n[dimensions]\nA = \"1\""),
            ],
            expect![[r#"
                /etc/cwmem/conf.d/a.toml:2: dimensions.A: already set at /etc/cwmem/cwmem.toml:6
                /etc/cwmem/conf.d/a.toml:4: metrics.meminfo: already set at /etc/cwmem/cwmem.toml:4
                /etc/cwmem/conf.d/b.toml:1: sample: already set at /etc/cwmem/cwmem.toml:1
                /etc/cwmem/conf.d/b.toml:3: dimensions.A: already set at /etc/cwmem/cwmem.toml:6
                /etc/cwmem/cwmem.toml:6: dimensions.A: no set of metrics.dimensions uses it: add it to a set or remove it"#]],
        );
    }

    #[test]
    fn the_problems_of_all_files_come_at_once() {
        check(
            &[
                ("cwmem.toml", b"[sample]\ninterval = 1\n"),
                ("conf.d/a.toml", b"[sample\ninterval = \"1s\""),
                ("conf.d/b.toml", b"# \xc3\xbc\n\n# \xff\n"),
                ("conf.d/c.toml/", b""),
                ("conf.d/d.toml", &[b'#'; MAX_FILE as usize + 1]),
                ("conf.d/e.toml", b"\nlog.levle = \"debug\""),
            ],
            expect![[r#"
                /etc/cwmem/conf.d/a.toml:1: not TOML: unclosed table, expected `]`
                /etc/cwmem/conf.d/b.toml:3: not TOML: expected UTF-8 text, found the byte 0xff
                /etc/cwmem/conf.d/c.toml: cannot be read: Is a directory (os error 21)
                /etc/cwmem/conf.d/d.toml: cannot be read: it is larger than 256 KiB
                /etc/cwmem/conf.d/e.toml:2: log.levle: unknown key; did you mean log.level?
                /etc/cwmem/cwmem.toml:2: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found 1; write "1s""#]],
        );
        check(
            &[("cwmem.toml/", b"")],
            expect!["/etc/cwmem/cwmem.toml: cannot be read: Is a directory (os error 21)"],
        );
        check(
            &[("cwmem.toml", b""), ("conf.d", b"")],
            expect!["/etc/cwmem/conf.d: cannot be read: Not a directory (os error 20)"],
        );
    }

    #[test]
    fn flags_and_environment_win() {
        let directory = directory(&[(
            "cwmem.toml",
            b"sample.proc_root = \"/a\"\nsample.sys_root = \"/b\"\nlog.level = \"warn\"",
        )]);
        let path = directory.path().join("cwmem.toml");
        let overrides = Overrides {
            proc_root: Some("/c".into()),
            sys_root: Some("/d".into()),
            level: Some(Level::Debug),
            state_directory: Some("/e".into()),
            runtime_directory: None,
        };
        let config = load(Some(&path), &overrides).unwrap();
        assert_eq!(config.sample.proc_root, Path::new("/c"));
        assert_eq!(config.sample.sys_root, Path::new("/d"));
        assert_eq!(config.log.level, Level::Debug);
        assert_eq!(config.state.directory, Path::new("/e"));
        assert_eq!(config.state.runtime_directory, Path::new("/run/cwmem"));
        let config = load(Some(&path), &Overrides::default()).unwrap();
        assert_eq!(config.sample.proc_root, Path::new("/a"));
        assert_eq!(config.log.level, Level::Warn);
        std::fs::write(&path, "state.directory = \"/named\"").unwrap();
        let config = load(Some(&path), &overrides).unwrap();
        assert_eq!(config.state.directory, Path::new("/named"), "what a file names wins");
    }
}
