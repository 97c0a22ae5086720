//! A synthetic language whose loss depends on depth and width.
//!
//! Every document is a sequence of 128 possible tokens:
//!
//! - **Words**, 65 of them. Which word comes next depends on the last word, for the
//!   most part together with the topic, and for a seventh on neither (Zipf's law): a
//!   table that a narrow network has no room for.
//! - **Brackets**, one pair for each of 6 topics. A document opens with one; an
//!   opening bracket begins its topic, and its closing bracket returns to the
//!   topic around it. Which bracket may close, and which topic holds after it,
//!   only the nesting tells.
//! - **Facts**: a document states, right after its first bracket, a function from
//!   topics to topics, one token for each topic and its value.
//! - **Questions**, one token each: what is the value of a given topic; what is the
//!   value of the topic that holds here; what is the value of that value? The
//!   **answer** follows. It is to be copied from a fact, however far back. For the
//!   first kind, one look at the facts does; for the second, the network must know
//!   the topic before it looks; for the third it must look twice.
//!
//! The next token's distribution is a function of what came before
//! ([`State::distribution`]), and documents are drawn from just that. So the
//! cross-entropy of the process itself is exact, and no model has a lower loss
//! in expectation: that is the entropy floor ([`Language::floor`]).
//!
//! The last token is never drawn: it stands for masked ones.

use lpzero_run::seed;
use rand::Rng;

/// Number of tokens.
pub const VOCABULARY: usize = 128;

const TOPICS: usize = 6;
/// Most looks at the facts that a question about the topic here takes.
const LOOKS: usize = 2;

const OPEN: usize = 0;
const CLOSE: usize = OPEN + TOPICS;
/// Answers, one token per topic.
const ANSWER: usize = CLOSE + TOPICS;
/// Facts, by topic and value.
const FACT: usize = ANSWER + TOPICS;
/// Questions about a given topic.
const QUESTION: usize = FACT + TOPICS * TOPICS;
/// Questions about the topic that holds here, by looks.
const HERE: usize = QUESTION + TOPICS;
const WORD: usize = HERE + LOOKS;
const WORDS: usize = 65;
const MASK: usize = WORD + WORDS;

/// Deepest nesting.
const DEEPEST: usize = 6;

/// Probabilities of what is no word, where it may stand.
const OPENING: f64 = 0.03;
const CLOSING: f64 = 0.05;
const ASKING: f64 = 0.05;
const ASKING_HERE: [f64; LOOKS] = [0.15, 0.08];

/// Probabilities of the words that the last word suggests, and of those that it
/// suggests under the topic; the others follow Zipf's law.
const SUGGESTED: [f64; 2] = [0.1, 0.05];
const SUGGESTED_BY_TOPIC: [f64; 2] = [0.5, 0.2];

/// The tables of the language. There is one language: its tables are drawn from
/// a fixed seed.
#[derive(Debug)]
pub struct Language {
    /// Probability of the next word, by topic and last word.
    words: Vec<[f64; WORDS]>,
}

/// Where a document stands: a function of its tokens.
#[derive(Clone, Debug)]
pub struct State {
    /// Topics of the open brackets, innermost last.
    open: Vec<usize>,
    /// The last word.
    word: usize,
    /// The value of every topic that has one.
    values: [Option<usize>; TOPICS],
    due: Due,
}

/// Kind of token that has to come next.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// The bracket that opens the document.
    First,
    /// A fact.
    Fact,
    Anything,
    /// The answer to a question.
    Answer(usize),
}

impl Default for Language {
    fn default() -> Self {
        Self::new()
    }
}

impl Language {
    /// Draws the tables.
    pub fn new() -> Self {
        debug_assert_eq!(MASK + 1, VOCABULARY);
        let mut generator = seed::numbered(0, "language", 0);
        let mut suggested = |probabilities: [f64; 2], row: &mut [f64; WORDS]| {
            for probability in probabilities {
                row[generator.random_range(0..WORDS)] += probability;
            }
        };
        let harmonic: f64 = (1..=WORDS).map(|rank| 1.0 / rank as f64).sum();
        let suggested_share: f64 = SUGGESTED.iter().chain(&SUGGESTED_BY_TOPIC).sum();
        let mut zipf = [0.0; WORDS];
        for (rank, probability) in zipf.iter_mut().enumerate() {
            *probability = (1.0 - suggested_share) / ((rank + 1) as f64 * harmonic);
        }
        let mut by_word = [zipf; WORDS];
        by_word.iter_mut().for_each(|row| suggested(SUGGESTED, row));
        let words = (0..TOPICS * WORDS).map(|row| {
            let mut row = by_word[row % WORDS];
            suggested(SUGGESTED_BY_TOPIC, &mut row);
            row
        });
        Language {
            words: words.collect(),
        }
    }

    /// Draws the first `positions` tokens of document `number` of a seed.
    pub fn document(&self, (seed, name): (u64, &str), number: u64, positions: usize) -> Vec<u32> {
        let mut generator = seed::numbered(seed, name, number);
        let mut state = State::new();
        let mut probabilities = [0.0; VOCABULARY];
        (0..positions)
            .map(|_| {
                state.distribution(self, &mut probabilities);
                let mut left: f64 = generator.random();
                let mut token = None;
                for (candidate, &probability) in probabilities.iter().enumerate() {
                    if probability > 0.0 {
                        token = Some(candidate);
                        left -= probability;
                        if left < 0.0 {
                            break;
                        }
                    }
                }
                // Something may always follow.
                let token = token.unwrap_or(WORD);
                state.advance(token);
                token as u32
            })
            .collect()
    }

    /// Mean cross-entropy in nats, given all tokens before it, of every token of
    /// a document but the first: what a model that knows the language loses.
    /// Infinite where the language does not allow a token.
    pub fn floor(&self, document: &[u32]) -> f64 {
        let mut state = State::new();
        let mut probabilities = [0.0; VOCABULARY];
        let mut loss = 0.0;
        for (position, &token) in document.iter().enumerate() {
            state.distribution(self, &mut probabilities);
            let token = token as usize;
            if position > 0 {
                loss -= probabilities
                    .get(token)
                    .map_or(f64::NEG_INFINITY, |p| p.ln());
            }
            if loss.is_infinite() {
                break;
            }
            state.advance(token);
        }
        loss / (document.len().max(2) - 1) as f64
    }
}

impl State {
    /// Before the first token.
    pub fn new() -> Self {
        State {
            open: Vec::new(),
            word: 0,
            values: [None; TOPICS],
            due: Due::First,
        }
    }

    /// Probabilities of the next token.
    pub fn distribution(&self, language: &Language, probabilities: &mut [f64; VOCABULARY]) {
        probabilities.fill(0.0);
        match self.due {
            Due::First => probabilities[OPEN..][..TOPICS].fill(1.0 / TOPICS as f64),
            Due::Fact => {
                let left = self.values.iter().filter(|value| value.is_none()).count();
                for (topic, value) in self.values.iter().enumerate() {
                    if value.is_none() {
                        let facts = &mut probabilities[FACT + topic * TOPICS..][..TOPICS];
                        facts.fill(1.0 / (left * TOPICS) as f64);
                    }
                }
            }
            Due::Answer(answer) => probabilities[ANSWER + answer] = 1.0,
            Due::Anything => {
                let opening = if self.open.len() < DEEPEST {
                    OPENING
                } else {
                    0.0
                };
                let closing = if self.open.len() > 1 { CLOSING } else { 0.0 };
                let topic = self.topic();
                probabilities[OPEN..][..TOPICS].fill(opening / TOPICS as f64);
                probabilities[CLOSE + topic] = closing;
                probabilities[QUESTION..HERE].fill(ASKING / TOPICS as f64);
                probabilities[HERE..WORD].copy_from_slice(&ASKING_HERE);
                let asking = ASKING + ASKING_HERE.iter().sum::<f64>();
                let share = 1.0 - opening - closing - asking;
                let words = &language.words[topic * WORDS + self.word];
                for (probability, word) in probabilities[WORD..].iter_mut().zip(words) {
                    *probability = share * word;
                }
            }
        }
    }

    /// The topic that holds here.
    fn topic(&self) -> usize {
        self.open.last().copied().unwrap_or(0)
    }

    /// Moves on behind a token that the distribution allows.
    pub fn advance(&mut self, token: usize) {
        self.due = Due::Anything;
        match token {
            OPEN..CLOSE => self.open.push(token - OPEN),
            CLOSE..ANSWER => {
                self.open.pop();
            }
            FACT..QUESTION => {
                let fact = token - FACT;
                self.values[fact / TOPICS] = Some(fact % TOPICS);
            }
            QUESTION..WORD => {
                let (looks, topic) = match token {
                    HERE.. => (token - HERE + 1, self.topic()),
                    _ => (1, token - QUESTION),
                };
                let value = |topic: usize, _| self.values[topic].unwrap_or(topic);
                let answer = (0..looks).fold(topic, value);
                self.due = Due::Answer(answer);
            }
            WORD..MASK => self.word = token - WORD,
            _ => {}
        }
        if self.values.contains(&None) {
            self.due = Due::Fact;
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn next_tokens_are_a_distribution_that_never_draws_the_mask() {
        let language = Language::new();
        let mut probabilities = [0.0; VOCABULARY];
        for number in 0..20 {
            let mut state = State::new();
            for token in language.document((3, "test"), number, 300) {
                state.distribution(&language, &mut probabilities);
                assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert_eq!(probabilities[VOCABULARY - 1], 0.0);
                assert!(probabilities[token as usize] > 0.0);
                state.advance(token as usize);
            }
        }
    }

    #[test]
    fn brackets_match_and_answers_follow_from_the_facts() {
        let language = Language::new();
        let (mut closed, mut answered) = (0, [0; LOOKS + 1]);
        for number in 0..50 {
            let document: Vec<usize> = language
                .document((0, "test"), number, 400)
                .into_iter()
                .map(|token| token as usize)
                .collect();
            let facts = &document[1..][..TOPICS];
            let value = |topic: usize| {
                let of_topic = |fact: &&usize| (**fact - FACT) / TOPICS == topic;
                (facts.iter().find(of_topic).unwrap() - FACT) % TOPICS
            };
            let mut open = Vec::new();
            for (at, &token) in document.iter().enumerate() {
                match token {
                    OPEN..CLOSE => open.push(token),
                    CLOSE..ANSWER => {
                        assert_eq!(open.pop(), Some(token - TOPICS));
                        closed += 1;
                    }
                    QUESTION..WORD if at + 1 < document.len() => {
                        let here: usize = *open.last().unwrap();
                        let (kind, answer) = match token - QUESTION {
                            given @ 0..TOPICS => (0, value(given)),
                            TOPICS => (1, value(here)),
                            _ => (2, value(value(here))),
                        };
                        assert_eq!(document[at + 1], ANSWER + answer);
                        answered[kind] += 1;
                    }
                    _ => {}
                }
            }
        }
        assert!(
            closed > 200 && answered.iter().all(|&n| n > 500),
            "{closed} {answered:?}"
        );
    }

    /// The floor on drawn documents is the mean entropy of the distributions that
    /// they were drawn from, but for chance.
    #[test]
    fn the_floor_is_the_entropy_of_the_process() {
        let language = Language::new();
        let (mut floor, mut entropy, documents, positions) = (0.0, 0.0, 400, 128);
        let mut probabilities = [0.0; VOCABULARY];
        for number in 0..documents {
            let document = language.document((1, "test"), number, positions);
            floor += language.floor(&document);
            let mut state = State::new();
            for (position, &token) in document.iter().enumerate() {
                state.distribution(&language, &mut probabilities);
                if position > 0 {
                    let terms = probabilities
                        .iter()
                        .filter(|&&p| p > 0.0)
                        .map(|p| -p * p.ln());
                    entropy += terms.sum::<f64>() / (positions - 1) as f64;
                }
                state.advance(token as usize);
            }
        }
        let (floor, entropy) = (floor / documents as f64, entropy / documents as f64);
        assert!((floor - entropy).abs() < 0.02, "{floor} {entropy}");
        assert!(language.floor(&[0, 0, 255]).is_infinite());
    }
}
