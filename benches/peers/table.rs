//! Figures for eyes, on standard error.

use crate::figures::rounded;

const NAME_WIDTH: usize = 20;
const WIDTH: usize = 16;

pub struct Table<const COLUMNS: usize> {
    heads: [&'static str; COLUMNS],
    rows: Vec<String>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// The first head is that of the names.
    pub fn new(heads: [&'static str; COLUMNS]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    pub fn row(&mut self, name: &str, figures: impl IntoIterator<Item = f64>) {
        let figures = figures.into_iter().map(|figure| format!("{:>WIDTH$}", rounded(figure)));
        self.rows.push(format!("{name:<NAME_WIDTH$}{}", figures.collect::<String>()));
    }

    pub fn show(&self, title: &str) {
        let [first, others @ ..] = &self.heads[..] else { return };
        let others: String = others.iter().map(|head| format!("{head:>WIDTH$}")).collect();
        eprintln!("\n{title}\n{first:<NAME_WIDTH$}{others}");
        self.rows.iter().for_each(|row| eprintln!("{row}"));
    }
}
