//! Multiple-choice items, in two layouts.
//!
//! LLM-Adapters (Hu et al. 2023, github.com/AGI-Edgerunners/LLM-Adapters, the folder
//! `dataset`: boolq, piqa, social_i_qa, hellaswag, winogrande, ARC-Easy, ARC-Challenge,
//! openbookqa) has a list of records
//!
//! ```json
//! {"instruction": "Please choose ... Answer1: a Answer2: b\n\nAnswer format: answer1/answer2",
//!  "input": "", "output": "the correct answer is answer2", "answer": "answer2"}
//! ```
//!
//! whose choices are `true` and `false`, or a word with a number (answer1, solution1,
//! ending1, option1). They stand in the instruction, each before a colon. The text that
//! is scored is `output`, with each choice in place of the answer.
//!
//! The plain layout is a list of records `{"prompt", "choices", "answer"}`: a text, what
//! may follow it (as it is, with the space before it), and which of these is right, by
//! number from 0 or by its text.

use std::path::Path;

use lpzero_arch::{Cursor, Document, Node, Problem};

use crate::Error;

/// A question with several answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Text before every answer.
    pub prompt: String,
    /// Each answer as it follows the prompt.
    pub choices: Vec<String>,
    /// Which one is right.
    pub answer: usize,
}

/// Text that makes a prompt of a record of LLM-Adapters. It holds `{instruction}`, and perhaps
/// `{input}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

const INSTRUCTION: &str = "{instruction}";
const INPUT: &str = "{input}";

impl Default for Template {
    /// The instruction and the input, if there is one, each with an empty line behind
    /// it.
    fn default() -> Self {
        Template(format!("{INSTRUCTION}\n\n{INPUT}"))
    }
}

impl Template {
    /// `None` where the text has no `{instruction}`.
    pub fn new(text: &str) -> Option<Self> {
        text.contains(INSTRUCTION)
            .then(|| Template(text.to_owned()))
    }

    fn fill(&self, instruction: &str, input: &str) -> String {
        let plain = *self == Template::default();
        // What is filled in may hold braces of its own.
        let parts: Vec<String> = (self.0.split(INSTRUCTION))
            .map(|part| part.replace(INPUT, input))
            .collect();
        let mut text = parts.join(instruction);
        if plain && !input.is_empty() {
            text += "\n\n";
        }
        text
    }
}

/// The items of a file.
///
/// # Errors
/// Where it cannot be read, or a record is not of either layout; file and key are named.
pub fn read_items(path: &Path, template: &Template) -> Result<Vec<Item>, Error> {
    read_items_from(&Document::read(path)?.root(), template)
}

/// The items of a list.
///
/// # Errors
/// As [`read_items`].
pub fn read_items_from(root: &Cursor<'_>, template: &Template) -> Result<Vec<Item>, Error> {
    let records = root.items()?;
    if records.is_empty() {
        return Err(root.unexpected("at least one record").into());
    }
    let items = records.iter().map(|record| read_item(record, template));
    Ok(items.collect::<Result<_, _>>()?)
}

fn read_item(record: &Cursor<'_>, template: &Template) -> Result<Item, lpzero_arch::Error> {
    match record.find("choices").is_some() {
        true => read_plain(record),
        false => read_llm_adapters(record, template),
    }
}

fn read_plain(record: &Cursor<'_>) -> Result<Item, lpzero_arch::Error> {
    let prompt = record.get("prompt", "what stands before the choices")?;
    let prompt = prompt.text()?;
    let list = record.get("choices", "a list of texts")?;
    let choices = list.items()?;
    let choices: Vec<&str> = (choices.iter().map(Cursor::text)).collect::<Result<_, _>>()?;
    if choices.len() < 2 {
        return Err(list.unexpected("at least two choices"));
    }
    if let Some(empty) = choices.iter().position(|choice| choice.is_empty()) {
        let what = format!("choice {empty} is empty");
        return Err(list.error(Problem::Malformed(what)));
    }
    let right = record.get("answer", "the number or the text of the right choice")?;
    let answer = match right.node() {
        Node::Text(text) => choices.iter().position(|choice| choice == text),
        node => node
            .as_whole()
            .and_then(|number| usize::try_from(number).ok()),
    };
    let answer = answer.filter(|&answer| answer < choices.len());
    let answer = answer.ok_or_else(|| {
        right.unexpected(format!(
            "a number from 0 to {}, or the text of a choice",
            choices.len() - 1
        ))
    })?;
    Ok(Item {
        prompt: prompt.to_owned(),
        choices: choices.into_iter().map(str::to_owned).collect(),
        answer,
    })
}

fn read_llm_adapters(record: &Cursor<'_>, template: &Template) -> Result<Item, lpzero_arch::Error> {
    let at = record.get(
        "instruction",
        "the question with its choices (or the keys `prompt`, `choices`, `answer`)",
    )?;
    let instruction = at.text()?;
    let input = match record.find("input") {
        Some(input) if *input.node() != Node::Null => input.text()?,
        _ => "",
    };
    let right = record.get("answer", "the name of the right choice, such as answer2")?;
    let answer = right.text()?;
    let names = choices(instruction, answer).ok_or_else(|| {
        right.unexpected("true or false, or the name of a choice such as answer2, solution1, ...")
    })?;
    let Some(position) = names.iter().position(|name| name == answer) else {
        let what = format!(
            "{answer:?} is not among the choices of the instruction: {}",
            names.join(", ")
        );
        return Err(right.error(Problem::Malformed(what)));
    };
    if names.len() < 2 {
        let what = format!("the instruction has no other choice than {answer:?}");
        return Err(at.error(Problem::Malformed(what)));
    }
    let output = record.get("output", "the answer as a sentence")?;
    let sentence = output.text()?;
    let Some((before, after)) = sentence.rsplit_once(answer) else {
        return Err(output.unexpected(format!("a sentence with {answer:?} in it")));
    };
    let choices = names.iter();
    Ok(Item {
        prompt: template.fill(instruction, input),
        choices: choices
            .map(|name| format!("{before}{name}{after}"))
            .collect(),
        answer: position,
    })
}

/// The names of all choices, told from an instruction and the name of one of them;
/// `None` where that is neither true or false nor a word with a number.
fn choices(instruction: &str, answer: &str) -> Option<Vec<String>> {
    const TRUTH: [&str; 2] = ["true", "false"];
    if TRUTH.contains(&answer) {
        return Some(TRUTH.map(str::to_owned).to_vec());
    }
    let word = answer.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic());
    if word.len() == answer.len() || !is_word {
        return None;
    }
    // In the instruction the words may be capitals: lower case has the same length.
    let instruction = instruction.to_ascii_lowercase();
    let mut rest = &instruction[..];
    let mut names = Vec::new();
    loop {
        let number = names.len() + 1;
        let name = format!("{}{number}", word.to_ascii_lowercase());
        let Some(place) = rest.find(&format!("{name}:")) else {
            return Some(names);
        };
        rest = &rest[place + name.len()..];
        names.push(format!("{word}{number}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<Vec<Item>, String> {
        let document = Document::parse_json("items.json", text).unwrap();
        let items = read_items_from(&document.root(), &Template::default());
        items.map_err(|error| error.to_string())
    }

    #[test]
    fn records_of_llm_adapters_become_prompts_and_sentences() {
        let items = read(
            r#"[{"instruction": "Choose: a cat is\n\nAnswer1: big Answer2: small: Answer3: odd\n\nAnswer format: answer1/answer2/answer3",
                 "input": "", "output": "the correct answer is answer2", "answer": "answer2"},
                {"instruction": "Say true or false", "input": "x {instruction}",
                 "output": "false", "answer": "false"}]"#,
        )
        .unwrap();
        assert!(items[0].prompt.ends_with("answer1/answer2/answer3\n\n"));
        assert_eq!(items[0].answer, 1);
        assert_eq!(items[0].choices.len(), 3);
        assert_eq!(items[0].choices[2], "the correct answer is answer3");
        assert_eq!(items[1].prompt, "Say true or false\n\nx {instruction}\n\n");
        assert_eq!(items[1].choices, ["true", "false"]);
        let template = Template::new("Q {instruction} {input}A ").unwrap();
        assert_eq!(template.fill("{input}", ""), "Q {input} A ");
        assert!(Template::new("nothing").is_none());
    }

    #[test]
    fn plain_records_name_the_answer_by_number_or_text() {
        let items =
            read(r#"[{"prompt": "2 + 2 =", "choices": [" 3", " 4"], "answer": " 4"}]"#).unwrap();
        assert_eq!((items[0].answer, &items[0].choices[0][..]), (1, " 3"));
        let number = read(r#"[{"prompt": "", "choices": ["a", "b"], "answer": 0}]"#);
        assert_eq!(number.unwrap()[0].answer, 0);
    }

    #[test]
    fn what_is_wrong_with_a_record_is_named() {
        for (text, expected) in [
            ("{}", "items.json: expected a list"),
            ("[]", "items.json: expected at least one record"),
            ("[3]", "[0]: expected a mapping with the key `instruction`"),
            (r#"[{"instruction": "x"}]"#, "[0].answer: missing"),
            (
                r#"[{"instruction": "x", "answer": "perhaps", "output": "perhaps"}]"#,
                "[0].answer: expected true or false",
            ),
            (
                r#"[{"instruction": "Option1: x Option2: y", "answer": "option3", "output": "option3"}]"#,
                "is not among the choices of the instruction: option1, option2",
            ),
            (
                r#"[{"instruction": "Option1: x", "answer": "option1", "output": "option1"}]"#,
                "has no other choice",
            ),
            (
                r#"[{"instruction": "Option1: x Option2: y", "answer": "option1", "output": "x"}]"#,
                "[0].output: expected a sentence with \"option1\" in it",
            ),
            (
                r#"[{"prompt": "x", "choices": ["a", "b"], "answer": 2}]"#,
                "[0].answer: expected a number from 0 to 1",
            ),
            (
                r#"[{"prompt": "x", "choices": ["a", ""], "answer": 0}]"#,
                "choice 1 is empty",
            ),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
