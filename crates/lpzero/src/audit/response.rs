//! Which variables the scores respond to.

use lpzero_run::Cancel;
use lpzero_stats::multiple_testing::{benjamini_hochberg, holm};
use lpzero_stats::regression::{NestedTest, nested_test};
use rayon::prelude::*;
use serde::Serialize;

use super::AuditSettings;
use super::design::{Design, Question};

/// Chance of even one false finding in the whole audit.
const LEVEL: f64 = 0.05;
/// Share of the variance of scores below which a variable is of no account.
const NEGLIGIBLE: f64 = 0.01;

/// Verdict of the tests of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The scores respond to the variable.
    Responds,
    /// They do not: no sign of it, and at most 1 % of their variance is left
    /// plausible.
    NoResponse,
    /// The data do not tell.
    Undecided,
}

/// A variable, tested beyond all others.
#[derive(Clone, Debug, Serialize)]
pub struct Response {
    /// Key of the variable in the family's files.
    pub variable: String,
    /// The part of the blocks that the test is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<Inside>,
    /// `network` or `block`.
    pub per: &'static str,
    /// On the scores.
    pub scores: NestedTest,
    /// On the ranks of the scores, which no failed training can dominate.
    pub ranks: NestedTest,
    /// The smaller of both F tests' p-values after Holm's correction over all
    /// tests of the audit.
    pub p_holm: f64,
    /// The smaller of both p-values after Benjamini and Hochberg's correction.
    pub p_benjamini_hochberg: f64,
    /// Conclusion from both tests.
    pub verdict: Verdict,
}

/// A part of the blocks: those where another variable has one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inside {
    /// The other variable.
    pub variable: String,
    /// Value of the other variable.
    pub value: String,
}

type Tested = Vec<(Question, Option<NestedTest>)>;

/// All tests on one column; `what` names it for the permutations.
pub(super) fn tests(
    design: &Design,
    y: &[f64],
    settings: AuditSettings,
    what: &str,
    cancel: &Cancel,
) -> Tested {
    let questions = design.questions();
    let test = |question: Question| {
        let name = format!("{what} {} {:?}", question.variable, question.inside);
        let added = question.added.iter().map(Vec::as_slice);
        let AuditSettings { permutations, seed } = settings;
        let stream = (seed, &*name);
        let found = nested_test(&question.smaller, added, y, permutations, stream, cancel);
        (question, found)
    };
    questions.into_par_iter().map(test).collect()
}

/// Joins both columns' tests and corrects for their number.
pub(super) fn judge(scores: Tested, ranks: Tested) -> (Vec<Response>, usize) {
    let tested: Vec<(Question, NestedTest, NestedTest)> = scores
        .into_iter()
        .zip(ranks)
        .filter_map(|((question, scores), (_, ranks))| Some((question, scores?, ranks?)))
        .collect();
    let p: Vec<f64> = tested.iter().flat_map(|(_, a, b)| [a.p, b.p]).collect();
    let (holm, hochberg) = (holm(&p), benjamini_hochberg(&p));
    let responses = tested
        .into_iter()
        .enumerate()
        .map(|(i, (question, scores, ranks))| {
            let smaller = |p: &[f64]| p[2 * i].min(p[2 * i + 1]);
            // Errors need not be normal: both kinds of test must agree.
            let finds =
                |test: &NestedTest, corrected: f64| corrected < LEVEL && test.p_permutation < LEVEL;
            let silent = |test: &NestedTest| {
                test.p >= LEVEL && test.p_permutation >= LEVEL && test.share_bound <= NEGLIGIBLE
            };
            let verdict = if finds(&scores, holm[2 * i]) || finds(&ranks, holm[2 * i + 1]) {
                Verdict::Responds
            } else if silent(&scores) && silent(&ranks) {
                Verdict::NoResponse
            } else {
                Verdict::Undecided
            };
            Response {
                variable: question.variable,
                inside: question
                    .inside
                    .map(|(variable, value)| Inside { variable, value }),
                per: question.per,
                scores,
                ranks,
                p_holm: smaller(&holm),
                p_benjamini_hochberg: smaller(&hochberg),
                verdict,
            }
        });
    (responses.collect(), p.len())
}

/// One sentence per finding.
pub(super) fn findings(responses: &[Response], depth: &str, width: &str) -> Vec<String> {
    let whole = |response: &&Response| response.inside.is_none();
    let names = |verdict: Verdict| -> Vec<&str> {
        let found = responses
            .iter()
            .filter(whole)
            .filter(|r| r.verdict == verdict);
        found.map(|response| response.variable.as_str()).collect()
    };
    let mut findings = Vec::new();
    let responding = names(Verdict::Responds);
    if !responding.is_empty() {
        findings.push(format!("The scores respond to {}.", listed(&responding)));
    }
    for response in responses.iter().filter(whole) {
        if response.verdict == Verdict::NoResponse {
            let others: Vec<&str> = responses
                .iter()
                .filter(whole)
                .map(|other| other.variable.as_str())
                .filter(|name| *name != response.variable)
                .collect();
            findings.push(format!(
                "{} explains nothing beyond {}: {}.",
                response.variable,
                listed(&others),
                evidence(&response.scores)
            ));
        }
    }
    let undecided = names(Verdict::Undecided);
    if !undecided.is_empty() {
        findings.push(format!(
            "The data do not tell whether the scores respond to {}.",
            listed(&undecided)
        ));
    }
    for response in responses {
        let Some(inside) = &response.inside else {
            continue;
        };
        // A variable that is dead everywhere is said to be dead once.
        let dead_everywhere = names(Verdict::NoResponse).contains(&response.variable.as_str());
        let meaningless = names(Verdict::NoResponse).contains(&inside.variable.as_str());
        if response.verdict == Verdict::NoResponse && !dead_everywhere && !meaningless {
            findings.push(format!(
                "{} looks dead in blocks where {} is {}: {}.",
                response.variable,
                inside.variable,
                inside.value,
                evidence(&response.scores)
            ));
        }
    }
    if responding.len() < 2 && !responding.iter().any(|name| [depth, width].contains(name)) {
        findings.push("Not even depth and width show; the scores may be noise.".to_owned());
    }
    findings
}

fn evidence(test: &NestedTest) -> String {
    format!(
        "F({}, {}) = {:.2}, p = {:.2}, at most {:.2} % of the variance of the scores",
        test.freedom,
        test.residual_freedom,
        test.f,
        test.p,
        100.0 * test.share_bound
    )
}

/// `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
