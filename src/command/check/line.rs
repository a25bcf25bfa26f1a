//! One thing that was looked at: its state, the evidence, and what to do.

use crate::exit::Exit;
use crate::table::{Table, printable};
use serde::Serialize;

/// As `cwmem check --json` prints it; a remedy that isn't needed is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub check: &'static str,
    pub state: State,
    pub evidence: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    /// Worth knowing; the agent does its work all the same.
    Note,
    /// Something that the configuration asks for doesn't work.
    Finding,
    /// A service or a database doesn't answer, which may pass.
    Unavailable,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Note => "note",
            State::Finding => "finding",
            State::Unavailable => "unavailable",
        }
    }
}

pub(super) fn ok(check: &'static str, evidence: impl Into<String>) -> Line {
    line(check, State::Ok, evidence, "")
}

pub(super) fn note(
    check: &'static str,
    evidence: impl Into<String>,
    remedy: impl Into<String>,
) -> Line {
    line(check, State::Note, evidence, remedy)
}

pub(super) fn finding(
    check: &'static str,
    evidence: impl Into<String>,
    remedy: impl Into<String>,
) -> Line {
    line(check, State::Finding, evidence, remedy)
}

pub(super) fn line(
    check: &'static str,
    state: State,
    evidence: impl Into<String>,
    remedy: impl Into<String>,
) -> Line {
    Line { check, state, evidence: evidence.into(), remedy: remedy.into() }
}

/// A finding goes before what may pass by itself.
pub(super) fn exit(lines: &[Line]) -> Exit {
    let has = |state| lines.iter().any(|line| line.state == state);
    match (has(State::Finding), has(State::Unavailable)) {
        (true, _) => Exit::Findings,
        (false, true) => Exit::Unavailable,
        (false, false) => Exit::Ok,
    }
}

/// For people: a table of what was seen, and below it what to do.
pub(super) fn for_people(lines: &[Line]) -> String {
    let mut table = Table::new(&["STATE", "CHECK", "EVIDENCE"]);
    for line in lines {
        table.row([line.state.as_str(), line.check, &line.evidence]);
    }
    let mut text = table.to_string();
    let mut separator = "\n";
    for line in lines.iter().filter(|line| !line.remedy.is_empty()) {
        text += &format!("{separator}{}: {}\n", line.check, printable(line.remedy.clone()));
        separator = "";
    }
    text
}

/// For programs: one object a line.
pub(super) fn for_programs(lines: &[Line]) -> String {
    let objects = lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default() + "\n");
    objects.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn what_has_to_be_mended_goes_before_what_may_pass() {
        let (fine, told) = (ok("a", "fine"), note("b", "told", "do"));
        let (found, gone) = (finding("c", "found", ""), line("d", State::Unavailable, "gone", ""));
        assert_eq!(exit(&[fine.clone(), told.clone()]), Exit::Ok);
        assert_eq!(exit(&[fine.clone(), gone.clone()]), Exit::Unavailable);
        assert_eq!(exit(&[gone, found, fine, told]), Exit::Findings);
    }

    #[test]
    fn remedies_stand_below_the_table() {
        let lines = [ok("disk", "room"), finding("clock", "wrong", "set it")];
        expect![[r#"
            STATE    CHECK  EVIDENCE
            ok       disk   room
            finding  clock  wrong

            clock: set it
        "#]]
        .assert_eq(&for_people(&lines));
        expect![[r#"
            {"check":"disk","state":"ok","evidence":"room"}
            {"check":"clock","state":"finding","evidence":"wrong","remedy":"set it"}
        "#]]
        .assert_eq(&for_programs(&lines));
    }
}
