//! Columns of values that formulas have in common.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Node;

/// One value per architecture (or per site of every architecture), each
/// computed when it is first asked for. Threads that race compute the same
/// value, so either may win.
pub(crate) struct Column(Box<[AtomicU64]>);

// Bit patterns of two NaNs that no computation here yields; an unset cell is 0
// once they are mixed in, so that fresh memory is an empty column.
const UNSET: u64 = 0x7ff9_5e70_0000_0001;
const ABSENT: u64 = 0x7ff9_5e70_0000_0002;

impl Column {
    fn new(length: usize) -> Self {
        Column((0..length).map(|_| AtomicU64::new(0)).collect())
    }

    /// The value of a cell, computed if it is not known yet.
    pub(crate) fn get_or(
        &self,
        index: usize,
        compute: impl FnOnce() -> Option<f64>,
    ) -> Option<f64> {
        let cell = &self.0[index];
        match cell.load(Ordering::Relaxed) ^ UNSET {
            UNSET => {
                let value = compute();
                let bits = match value {
                    None => ABSENT,
                    Some(value) if value.is_nan() => f64::NAN.to_bits(),
                    Some(value) => value.to_bits(),
                };
                cell.store(bits ^ UNSET, Ordering::Relaxed);
                value
            }
            ABSENT => None,
            bits => Some(f64::from_bits(bits)),
        }
    }
}

/// Columns by the expression whose values they hold, bounded in memory.
///
/// Two generations: when the younger is full, the older is dropped and the
/// younger takes its place. What is used moves to the younger one, so a column
/// is forgotten when it has not been asked for during a whole generation.
pub(crate) struct Columns {
    length: usize,
    /// Columns per generation.
    capacity: usize,
    generations: Mutex<[HashMap<Node, Arc<Column>>; 2]>,
}

/// Rough size of a column's key and book-keeping.
const OVERHEAD: usize = 256;

impl Columns {
    /// Columns of this length in at most about so many bytes.
    pub(crate) fn new(length: usize, bytes: usize) -> Self {
        let column = length * size_of::<u64>() + OVERHEAD;
        Columns {
            length,
            capacity: bytes / column / 2,
            generations: Mutex::default(),
        }
    }

    /// The column of this expression, empty if it is new.
    pub(crate) fn column(&self, node: &Node) -> Arc<Column> {
        if self.capacity == 0 {
            return Arc::new(Column::new(self.length));
        }
        // A panic elsewhere cannot leave the maps in a bad state.
        let mut lock = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *lock;
        if let Some(column) = young.get(node) {
            return Arc::clone(column);
        }
        let column = old
            .remove(node)
            .unwrap_or_else(|| Arc::new(Column::new(self.length)));
        if young.len() >= self.capacity {
            *old = std::mem::take(young);
        }
        young.insert(node.clone(), Arc::clone(&column));
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_computed_once_whatever_its_value() {
        let column = Column::new(4);
        for (index, value) in [Some(0.0), Some(f64::NAN), None, Some(-1.5)]
            .into_iter()
            .enumerate()
        {
            let first = column.get_or(index, || value);
            let again = column.get_or(index, || unreachable!());
            assert_eq!(first.map(f64::to_bits), value.map(f64::to_bits));
            assert_eq!(first.is_none(), again.is_none());
            assert!(again == value || again.is_some_and(f64::is_nan));
        }
    }

    #[test]
    fn used_columns_outlive_unused_ones() {
        let columns = Columns::new(1, 2 * 2 * (OVERHEAD + 8));
        let [kept, lost] = [-1.0, -2.0].map(Node::Number);
        columns.column(&kept).get_or(0, || Some(1.0));
        columns.column(&lost).get_or(0, || Some(1.0));
        for other in 0..5 {
            columns.column(&Node::Number(f64::from(other)));
            columns.column(&kept);
        }
        let known = |node: &Node| {
            let mut known = true;
            columns.column(node).get_or(0, || {
                known = false;
                None
            });
            known
        };
        assert!(known(&kept));
        assert!(!known(&lost));
    }
}
