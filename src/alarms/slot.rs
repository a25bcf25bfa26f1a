//! Values that a template leaves open: parameters that differ from host to host. Within an alarm's
//! texts a slot stands as a mark, which no dimension's value can contain.

use crate::dimension::DimensionName;

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub dimension: DimensionName,
    /// This host's value, where the template was made on a host that has one.
    pub default: Option<String>,
}

/// The parameters of one template, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots(Vec<Slot>);

/// A stretch of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// The slot with this number.
    Slot(usize),
}

/// How a language spells the names of its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `InstanceId`
    Camel,
    /// `instance_id`
    Snake,
    /// `INSTANCE_ID`
    Upper,
}

impl Slots {
    /// The mark that stands for `dimension`'s value.
    pub fn mark(&mut self, dimension: &DimensionName, default: Option<&str>) -> String {
        let known = self.0.iter().position(|slot| slot.dimension == *dimension);
        let number = known.unwrap_or_else(|| {
            let default = default.map(str::to_owned);
            self.0.push(Slot { dimension: dimension.clone(), default });
            self.0.len() - 1
        });
        format!("{OPEN}{number}{CLOSE}")
    }

    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A name for each, no two alike.
    pub fn names(&self, spelling: Spelling) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for slot in &self.0 {
            let name = spelling.spell(&slot.dimension.to_string());
            let taken = names.iter().any(|other| other.eq_ignore_ascii_case(&name));
            names.push(if taken { format!("{name}{}", names.len() + 1) } else { name });
        }
        names
    }
}

/// A text in its pieces.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(OPEN) {
        let Some((number, after)) = behind.split_once(CLOSE) else { break };
        let Ok(number) = number.parse() else { break };
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Slot(number));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// A text with what `slot` makes of each slot, and `text` of what is between them.
pub fn filled(
    text: &str,
    mut literal: impl FnMut(&str) -> String,
    mut slot: impl FnMut(usize) -> String,
) -> String {
    let pieces = pieces(text).into_iter();
    let parts = pieces.map(|piece| match piece {
        Piece::Text(text) => literal(text),
        Piece::Slot(number) => slot(number),
    });
    parts.collect()
}

impl Spelling {
    /// A name made of any text: `tag:cost-center` is `TagCostCenter`, `tag_cost_center` or `TAG_COST_CENTER`.
    pub fn spell(self, name: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut new = true;
        let mut lower = false;
        for character in name.chars() {
            if !character.is_ascii_alphanumeric() {
                new = true;
                continue;
            }
            if new || (lower && character.is_ascii_uppercase()) {
                words.push(String::new());
            }
            (new, lower) = (false, character.is_ascii_lowercase());
            if let Some(word) = words.last_mut() {
                word.push(character);
            }
        }
        match self {
            Spelling::Camel => words.iter().map(|word| capital(word)).collect(),
            Spelling::Snake => words.join("_").to_ascii_lowercase(),
            Spelling::Upper => words.join("_").to_ascii_uppercase(),
        }
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}

/// No dimension's name or value has control characters (API reference, `Dimension`).
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_each_language_does() {
        let mut slots = Slots::default();
        for name in ["InstanceId", "tag:cost-center", "Host"] {
            slots.mark(&crate::dimension::Member::parse(name).name, None);
        }
        slots.mark(&DimensionName::LowerHost, None);
        assert_eq!(slots.names(Spelling::Camel), ["InstanceId", "TagCostCenter", "Host", "Host4"]);
        assert_eq!(
            slots.names(Spelling::Snake),
            ["instance_id", "tag_cost_center", "host", "host4"]
        );
        assert_eq!(slots.names(Spelling::Upper)[1], "TAG_COST_CENTER");
    }

    #[test]
    fn a_text_is_its_pieces() {
        let mut slots = Slots::default();
        let id = slots.mark(&DimensionName::InstanceId, Some("i-1"));
        assert_eq!(slots.mark(&DimensionName::InstanceId, None), id);
        let text = format!("a {id} b");
        assert_eq!(pieces(&text), [Piece::Text("a "), Piece::Slot(0), Piece::Text(" b")]);
        let filled = filled(&text, str::to_owned, |number| format!("<{number}>"));
        assert_eq!(filled, "a <0> b");
        assert_eq!(pieces("plain"), [Piece::Text("plain")]);
        assert!(pieces("").is_empty());
    }
}
