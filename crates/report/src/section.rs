//! A run as a part of a page.

use serde_json::Value;

use crate::formula::Formula;
use crate::spec::Figure;
use crate::table::Table;

/// Everything that a page says of one run.
#[derive(Clone, Debug)]
pub struct Section {
    /// Name in the page.
    pub id: String,
    /// Heading: the kind of run, and of what.
    pub title: String,
    /// The verdict, in one sentence.
    pub verdict: String,
    /// Formula of the run, where there is one.
    pub formula: Option<Formula>,
    /// Parts, in the order in which they are read.
    pub parts: Vec<Part>,
    /// Tables that only pictures and downloads read.
    pub hidden: Vec<Table>,
    /// Files to download, by name.
    pub files: Vec<(String, Value)>,
    /// Where the run came from: what, and what it is.
    pub provenance: Vec<(String, String)>,
}

/// A part of a section.
#[derive(Clone, Debug)]
pub enum Part {
    /// A picture.
    Figure(Box<Figure>),
    /// A table to read.
    Table(Table),
    /// Sentences.
    Notes {
        /// Heading.
        title: String,
        /// One each.
        lines: Vec<String>,
    },
}

impl Section {
    /// A section that says nothing yet.
    pub fn new(id: String, title: String) -> Self {
        Self {
            id,
            title,
            verdict: String::new(),
            formula: None,
            parts: Vec::new(),
            hidden: Vec::new(),
            files: Vec::new(),
            provenance: Vec::new(),
        }
    }

    /// Adds a picture of a table that is read, too.
    pub fn show(&mut self, figure: Figure, table: Table) {
        self.parts.push(Part::Figure(Box::new(figure)));
        self.parts.push(Part::Table(table));
    }

    /// Adds a picture of a table that is too long to be read.
    pub fn draw(&mut self, figure: Figure, table: Table) {
        self.parts.push(Part::Figure(Box::new(figure)));
        self.hidden.push(table);
    }

    /// Tables of the section, read or not.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        let read = self.parts.iter().filter_map(|part| match part {
            Part::Table(table) => Some(table),
            _ => None,
        });
        read.chain(&self.hidden)
    }

    /// Pictures of the section.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.parts.iter().filter_map(|part| match part {
            Part::Figure(figure) => Some(&**figure),
            _ => None,
        })
    }
}
