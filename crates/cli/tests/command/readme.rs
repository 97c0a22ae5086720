//! The examples of the README do what it shows.

#[test]
fn the_examples_of_the_readme_run() {
    trycmd::TestCases::new().case("../../README.md");
}
