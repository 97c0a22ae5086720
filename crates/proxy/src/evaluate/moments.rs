//! Which reductions follow exactly from the moments of a whole tensor.

use lpzero_nn::Wanted;
use lpzero_trace::{Moments, Symbol};

use crate::operator::known;
use crate::{Form, Kernel, Node, Operator, Parity};

/// A tensor whose moments traces hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tensor {
    /// The tensor of a symbol.
    Symbol(Symbol),
    /// W * G.
    Saliency,
    /// |W| * Gf, in double precision.
    Flow,
    /// |W| * Lf, in double precision.
    LogFlow,
}

/// A reduction as a multiple of a reduction of a form of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentReduction {
    pub(crate) tensor: Tensor,
    form: Form,
    factor: f64,
    moments: fn(&Moments, Form) -> Option<f64>,
}

impl MomentReduction {
    /// Recognises a reduction of `argument` that follows from moments. Whether
    /// it does depends on the formula only, never on the network.
    pub(crate) fn of(operator: &Operator, argument: &Node) -> Option<MomentReduction> {
        let Kernel::Reduce { moments, .. } = operator.kernel else {
            return None;
        };
        let view = View::of(argument)?;
        let factor = match (operator.homogeneous, operator.parity) {
            _ if view.factor == 1.0 => 1.0,
            (true, Parity::Odd) => view.factor,
            (true, Parity::Even) => view.factor.abs(),
            (true, Parity::None) if view.factor > 0.0 => view.factor,
            _ => return None,
        };
        moments(&ANY, view.form)?;
        Some(MomentReduction {
            tensor: view.tensor,
            form: view.form,
            factor,
            moments,
        })
    }

    /// The value, given the moments of the tensor.
    pub(crate) fn value(&self, moments: &Moments) -> f64 {
        let value = (self.moments)(moments, self.form).unwrap_or(f64::NAN);
        self.factor * value
    }
}

impl MomentReduction {
    /// Which of the costly moments it reads: those that change its value.
    pub(crate) fn reads(&self) -> Wanted {
        let changed =
            |moments| (self.moments)(&moments, self.form) != (self.moments)(&ANY, self.form);
        Wanted {
            roots: changed(Moments {
                sum_sqrt_abs: 7.0,
                ..ANY
            }),
            extremes: changed(Moments {
                min: -5.0,
                max: 5.0,
                ..ANY
            }),
        }
    }
}

/// Some moments, to ask whether a reduction follows from moments at all.
const ANY: Moments = Moments {
    count: 1,
    sum: 1.0,
    sum_abs: 1.0,
    sum_square: 1.0,
    sum_sqrt_abs: 1.0,
    min: 1.0,
    max: 1.0,
    confidence: 1.0,
    code_agreement: 1.0,
};

/// An elementwise expression of the shape factor * form(tensor).
#[derive(Clone, Copy)]
struct View {
    tensor: Tensor,
    form: Form,
    factor: f64,
}

impl View {
    fn of(node: &Node) -> Option<View> {
        match node {
            Node::Symbol(symbol) => Some(View::plain(Tensor::Symbol(*symbol))),
            Node::Apply(operator, arguments) => match &arguments[..] {
                [argument] => View::of(argument)?.under(*operator),
                [Node::Symbol(Symbol::W), Node::Symbol(Symbol::G)]
                | [Node::Symbol(Symbol::G), Node::Symbol(Symbol::W)]
                    if *operator == known::MUL =>
                {
                    Some(View::plain(Tensor::Saliency))
                }
                [Node::Symbol(Symbol::W), Node::Symbol(Symbol::Gf)] if *operator == known::MUL => {
                    Some(View::plain(Tensor::Flow))
                }
                [Node::Apply(known::ABS, inner), Node::Symbol(Symbol::Lf)]
                    if *operator == known::MUL
                        && matches!(inner[..], [Node::Symbol(Symbol::W)]) =>
                {
                    Some(View::plain(Tensor::LogFlow))
                }
                [Node::Number(factor), argument] | [argument, Node::Number(factor)]
                    if *operator == known::MUL =>
                {
                    View::of(argument)?.times(*factor)
                }
                [argument, Node::Number(divisor)] if *operator == known::DIV => {
                    View::of(argument)?.times(1.0 / divisor)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn plain(tensor: Tensor) -> View {
        View {
            tensor,
            form: Form::Identity,
            factor: 1.0,
        }
    }

    fn times(self, factor: f64) -> Option<View> {
        let factor = self.factor * factor;
        (factor.is_finite() && factor != 0.0).then_some(View { factor, ..self })
    }

    /// The view through one more elementwise operator.
    fn under(self, operator: crate::OperatorId) -> Option<View> {
        let identity = self.form == Form::Identity;
        let positive = self.factor > 0.0;
        let (form, factor) = match operator {
            known::NO_OP => (self.form, self.factor),
            known::NEG => (self.form, -self.factor),
            known::ABS if identity => (Form::Abs, self.factor.abs()),
            known::ABS => (self.form, self.factor.abs()),
            known::SQUARE => match self.form {
                Form::Identity | Form::Abs => (Form::Square, self.factor * self.factor),
                Form::SqrtAbs => (Form::Abs, self.factor * self.factor),
                Form::Square | Form::Relu => return None,
            },
            known::SQRT if positive => match self.form {
                Form::Abs => (Form::SqrtAbs, self.factor.sqrt()),
                Form::Square => (Form::Abs, self.factor.sqrt()),
                _ => return None,
            },
            known::RELU if positive && identity => (Form::Relu, self.factor),
            known::RELU if positive => (self.form, self.factor),
            _ => return None,
        };
        (factor.is_finite() && factor != 0.0).then_some(View {
            form,
            factor,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::parse_expression;

    fn follows(source: &str) -> bool {
        let Node::Apply(operator, arguments) = parse_expression(source).unwrap() else {
            panic!("{source} is not a reduction");
        };
        MomentReduction::of(operator.row(), &arguments[0]).is_some()
    }

    #[test]
    fn reductions_of_simple_forms_follow_from_moments() {
        for source in [
            "mean(W)",
            "std(S)",
            "min(A)",
            "max(-2 * abs(H))",
            "sum(abs(W * G))",
            "l2(G * W)",
            "mean(sqrt(abs(D)))",
            "sum(square(-W / 3))",
            "l1(relu(A))",
            "l2(sqrt(abs(G)))",
            "mean(sqrt(square(A)))",
        ] {
            assert_eq!(follows(source), source != "max(-2 * abs(H))", "{source}");
        }
    }

    #[test]
    fn other_reductions_need_the_elements() {
        for source in [
            "min(abs(W))",
            "l2(square(W))",
            "mean(sqrt(W))",
            "mean(W + G)",
            "mean(W * W)",
            "mean(log(S))",
            "sum(W * 0)",
            "mean(relu(-A))",
            "std(relu(A))",
        ] {
            assert!(!follows(source), "{source}");
        }
    }
}
