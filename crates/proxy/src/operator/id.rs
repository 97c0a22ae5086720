//! Operators by the index of their row.

use std::fmt;

use super::row::{Kind, Operator};
use super::table::OPERATORS;

/// An operator: the index of its row in [`OPERATORS`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperatorId(pub(crate) u8);

impl OperatorId {
    /// The operator with this name and kind. Meant for constants: a name that
    /// is not in the table does not compile.
    pub const fn named(name: &str, kind: Kind) -> OperatorId {
        let mut index = 0;
        while index < OPERATORS.len() {
            let row = &OPERATORS[index];
            if row.kind as u8 == kind as u8 && same(row.name, name) {
                return OperatorId(index as u8);
            }
            index += 1;
        }
        panic!("no operator of this name and kind")
    }

    /// The operator's row.
    pub fn row(self) -> &'static Operator {
        &OPERATORS[self.0 as usize]
    }

    /// The operator's index in [`OPERATORS`].
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Every operator, in the order of the table.
    pub fn all() -> impl Iterator<Item = OperatorId> {
        (0..OPERATORS.len()).map(|index| OperatorId(index as u8))
    }

    /// The elementwise operator with this name.
    pub fn elementwise(name: &str) -> Option<OperatorId> {
        Self::all().find(|id| id.row().kind == Kind::Elementwise && id.row().name == name)
    }

    /// The operators that `name(argument, ...)` with so many arguments may
    /// mean: at most one of every [`Kind`].
    pub fn called(name: &str, arity: usize) -> impl Iterator<Item = OperatorId> {
        Self::all().filter(move |id| {
            let row = id.row();
            row.arity() == arity && (row.name == name || row.aliases.contains(&name))
        })
    }
}

impl fmt::Debug for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row();
        write!(f, "{}:{:?}", row.name, row.kind)
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The operators that code refers to, because an algebraic law or a default
/// needs that very operator.
pub mod known {
    use super::{Kind, OperatorId};

    macro_rules! known {
        ($($constant:ident = $name:literal $kind:ident;)*) => {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: OperatorId = OperatorId::named($name, Kind::$kind);
            )*
        };
    }

    known! {
        ABS = "abs" Elementwise;
        SQUARE = "square" Elementwise;
        SQRT = "sqrt" Elementwise;
        EXP = "exp" Elementwise;
        LOG = "log" Elementwise;
        RELU = "relu" Elementwise;
        NEG = "neg" Elementwise;
        RECIPROCAL = "reciprocal" Elementwise;
        NO_OP = "no_op" Elementwise;
        DISCONNECT = "disconnect" Disconnect;
        ADD = "add" Binary;
        SUB = "sub" Binary;
        MUL = "mul" Binary;
        DIV = "div" Binary;
        POW = "pow" Power;
        MATMUL = "matmul" Product;
        R_MEAN = "mean" Reduction;
        R_SUM = "sum" Reduction;
        R_L1 = "l1" Reduction;
        R_L2 = "l2" Reduction;
        R_STD = "std" Reduction;
        R_MIN = "min" Reduction;
        R_MAX = "max" Reduction;
        SUM = "sum" Aggregator;
        MEAN = "mean" Aggregator;
        STD = "std" Aggregator;
        MIN = "min" Aggregator;
        MAX = "max" Aggregator;
    }
}
