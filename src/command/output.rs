//! What a command prints. Unlike `print!` it survives a reader who has gone: `cwmem explain | head
//! -1` is no error.

use crate::exit::Exit;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Standard output that takes everything once its reader is gone: nobody is left to miss it.
pub struct Output<W = io::Stdout>(W);

pub fn stdout() -> Output {
    Output(io::stdout())
}

/// Prints a command's result; `exit` unless it cannot be printed.
pub fn show(text: impl Display, exit: Exit) -> Exit {
    let mut output = stdout();
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Ok(()) => exit,
        Err(error) => {
            complain(format_args!("cannot write to standard output: {error}"));
            Exit::Unavailable
        }
    }
}

/// Whether what was written to `place` is there.
pub fn written(result: io::Result<()>, place: &str) -> Exit {
    match result {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(format_args!("cannot write {place}: {error}"));
            Exit::Unavailable
        }
    }
}

/// Says on standard error what is amiss; where that is gone too, nobody is left to tell.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "cwmem: {text}");
}

/// Columns and rows of the terminal that standard output is, if it is one.
pub fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_reader_who_is_gone_is_no_error() {
        let mut gone = Output(Fails(ErrorKind::BrokenPipe));
        assert!(gone.write_all(b"text").is_ok() && gone.flush().is_ok());
        let mut full = Output(Fails(ErrorKind::StorageFull));
        assert!(full.write_all(b"text").is_err() && full.flush().is_err());
    }
}
