//! A cron line's command as the shell splits it: simple commands of words, without redirections.

/// A word, its quotes taken off.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// The shell puts something in that isn't known here: a variable, a command's output.
    pub expands: bool,
}

/// The simple commands of `text`: what `;`, `&&`, `|` and their like part.
pub fn commands(text: &str) -> Vec<Vec<Word>> {
    let mut splitter = Splitter { commands: vec![Vec::new()], word: None, skips: false };
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => splitter.push(characters.next().unwrap_or('\\')),
            '\'' => {
                splitter.begin();
                for quoted in characters.by_ref().take_while(|next| *next != '\'') {
                    splitter.push(quoted);
                }
            }
            '"' => {
                splitter.begin();
                while let Some(quoted) = characters.next().filter(|next| *next != '"') {
                    match quoted {
                        '\\' => splitter.push(characters.next().unwrap_or('\\')),
                        '$' | '`' => splitter.expand(quoted),
                        _ => splitter.push(quoted),
                    }
                }
            }
            '$' | '`' => splitter.expand(character),
            '#' if splitter.word.is_none() => break,
            '&' if characters.peek() == Some(&'>') => {}
            '>' | '<' => {
                splitter.redirect();
                while characters.next_if(|next| ">&|<".contains(*next)).is_some() {}
            }
            ';' | '&' | '|' | '(' | ')' => splitter.end_command(),
            _ if character.is_whitespace() => splitter.end_word(),
            _ => splitter.push(character),
        }
    }
    splitter.end_command();
    splitter.commands.retain(|command| !command.is_empty());
    splitter.commands
}

struct Splitter {
    /// The last one is being read.
    commands: Vec<Vec<Word>>,
    word: Option<Word>,
    /// The next word says where to redirect to.
    skips: bool,
}

impl Splitter {
    fn begin(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    fn push(&mut self, character: char) {
        self.begin().text.push(character);
    }

    fn expand(&mut self, character: char) {
        self.push(character);
        self.begin().expands = true;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if !std::mem::take(&mut self.skips)
            && let Some(command) = self.commands.last_mut()
        {
            command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.skips = false;
        self.commands.push(Vec::new());
    }

    /// A number right before it is the descriptor's and no word.
    fn redirect(&mut self) {
        let is_number = |word: &Word| word.text.bytes().all(|byte| byte.is_ascii_digit());
        if self.word.as_ref().is_some_and(is_number) {
            self.word = None;
        }
        self.end_word();
        self.skips = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<Vec<String>> {
        let texts = |command: Vec<Word>| command.into_iter().map(|word| word.text).collect();
        commands(text).into_iter().map(texts).collect()
    }

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(
            split(r#"a 'b c' "d \" e" f\ g "" x"#),
            [["a", "b c", "d \" e", "f g", "", "x"]]
        );
    }

    #[test]
    fn operators_part_commands() {
        assert_eq!(
            split("cd /x && ./y --z; w | v & (u)"),
            vec![vec!["cd", "/x"], vec!["./y", "--z"], vec!["w"], vec!["v"], vec!["u"],]
        );
    }

    #[test]
    fn redirections_and_comments_are_no_words() {
        for text in ["a b >/dev/null 2>&1", "a > x b", "a b &> x", "a b 2>> x # c", "a b < x"] {
            assert_eq!(split(text), [["a", "b"]], "{text}");
        }
        assert_eq!(split("a#b"), [["a#b"]]);
    }

    #[test]
    fn what_the_shell_puts_in_is_marked() {
        let expands = |text: &str| commands(text)[0][0].expands;
        assert!(expands("$X") && expands("\"a${X}\"") && expands("`x`"));
        assert!(!expands("'$X'") && !expands("\\$X"));
    }

    proptest! {
        #[test]
        fn any_text_is_split(text in ".*") {
            prop_assert!(commands(&text).iter().all(|command| !command.is_empty()));
        }
    }
}
