//! As much of Markdown as the project's documents use, for holding them to the code.

use std::collections::BTreeSet;

pub struct Document {
    pub path: String,
    text: String,
}

impl Document {
    pub fn read(path: &str) -> Document {
        Document { path: path.to_owned(), text: std::fs::read_to_string(path).unwrap() }
    }

    /// The rows, cell by cell, of the one table with this header.
    pub fn table(&self, header: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Vec<String> {
            let line = line.trim().trim_start_matches('|').trim_end_matches('|');
            line.split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let header: Vec<String> = header.split('|').map(|cell| cell.trim().to_owned()).collect();
        let mut lines = self.text.lines().skip_while(|line| cells(line) != header);
        assert!(lines.next().is_some(), "{} has no table {header:?}", self.path);
        let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
        rows.map(cells).collect()
    }

    /// The fenced blocks of a language.
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(found) = line.trim_start().strip_prefix("```") else { continue };
            let block = lines.by_ref().take_while(|line| line.trim_start() != "```");
            let block: Vec<&str> = block.collect();
            if found == language {
                blocks.push(block.join("\n"));
            }
        }
        blocks
    }

    /// What stands in backticks within the text.
    pub fn inline_code(&self) -> Vec<String> {
        let mut fenced = false;
        let mut text = String::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced && !line.starts_with("    ") {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " ")).collect()
    }

    /// The arguments of every command line that runs `program`: in blocks of shell or console
    /// sessions, in indented ones and in backticks.
    pub fn commands(&self, program: &str) -> Vec<String> {
        let (scripts, sessions) = (self.blocks("sh"), self.blocks("console"));
        let sessions = sessions.iter().flat_map(|block| block.lines());
        let typed = sessions.filter(|line| line.starts_with("$ "));
        let shell = scripts.iter().flat_map(|block| block.lines()).chain(typed);
        let indented = self.text.lines().filter(|line| line.starts_with("    "));
        let inline = self.inline_code();
        let lines = shell.chain(indented).chain(inline.iter().map(String::as_str));
        lines.filter_map(|line| arguments(line, program)).collect()
    }

    pub fn links(&self) -> Vec<String> {
        let links = self.text.split("](").skip(1);
        links.map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
    }

    /// The headings as links name them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        };
        headings.map(anchor).collect()
    }
}

/// What follows `program` where `line` runs it, after a prompt, `sudo` and variables.
fn arguments(line: &str, program: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("$ ").trim_start_matches("sudo ");
    let mut words = line.split_whitespace().skip_while(|word| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains('=') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    });
    let command = words.next()?;
    let runs = command == program || command.ends_with(&format!("/{program}"));
    let rest: Vec<&str> = words.take_while(|word| *word != "#").collect();
    (runs && !rest.is_empty()).then(|| rest.join(" "))
}
