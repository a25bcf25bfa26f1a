//! What the terminal can show.

use crate::command::output;
use crate::environment::variable;
use crate::history::chart::Canvas;

/// Of ASCII characters only where the locale isn't UTF-8 or `ascii` says so.
pub fn canvas(ascii: bool) -> Canvas {
    let size = output::terminal_size();
    let width = variable("COLUMNS").and_then(|columns| columns.parse().ok());
    let width = width.or(size.map(|(columns, _)| columns)).unwrap_or(WIDTH);
    let height = size.map_or(HEIGHT, |(_, rows)| (rows / 4).clamp(HEIGHT, 2 * HEIGHT));
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    Canvas { width, height, ascii: ascii || !utf8 }
}

/// Where nobody says.
const WIDTH: usize = 100;
const HEIGHT: usize = 8;
