//! Random formulas and synthetic traces for the tests.
#![allow(dead_code)]

use lpzero_proxy::{
    Class, Kind, NetworkScalar, Node, OperatorId, Role, RoleSet, Symbol, Type, type_of,
};

/// SplitMix64: enough for tests, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Uniform on (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box & Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn operators(kinds: &[Kind]) -> Vec<OperatorId> {
    OperatorId::all()
        .filter(|id| kinds.contains(&id.row().kind))
        .collect()
}

/// A random well-typed score, at most `depth` deep. Dropping a branch may
/// leave a constant where a tensor was meant; such draws are repeated.
pub fn score(random: &mut Random, depth: usize) -> Node {
    loop {
        let node = formula(random, Type::Network, depth.max(4));
        if matches!(type_of(&node), Ok(Type::Network | Type::Number)) {
            return node;
        }
    }
}

fn number(random: &mut Random) -> Node {
    let value = random.pick(&[0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -2.5, 1e-5, 1e20, 0.1]);
    Node::Number(value)
}

fn formula(random: &mut Random, of: Type, depth: usize) -> Node {
    let leaf = depth
        <= match of {
            Type::Tensor(Class::Product) => 2,
            Type::Tensor(_) | Type::Number => 1,
            Type::Site => 2,
            Type::Network => 3,
            Type::Layer => 3,
        };
    if leaf || random.below(5) == 0 {
        return smallest(random, of);
    }
    let unary = [Kind::Elementwise, Kind::Disconnect];
    match (of, random.below(10)) {
        (Type::Number, 0..=5) => number(random),
        (_, 0..=1) => {
            let left = formula(random, of, depth - 1);
            let right = if random.below(3) == 0 {
                number(random)
            } else {
                formula(random, of, depth - 1)
            };
            let operator = random.pick(&operators(&[Kind::Binary]));
            if random.below(2) == 0 {
                Node::binary(operator, left, right)
            } else {
                Node::binary(operator, right, left)
            }
        }
        (_, 2) => {
            let base = formula(random, of, depth - 1);
            let power = operators(&[Kind::Power])[0];
            Node::binary(power, base, formula(random, Type::Number, 2))
        }
        (Type::Site, 3..=7) => {
            let class = random.pick(&[
                Class::Parameter,
                Class::Parameter,
                Class::Output,
                Class::Input,
                Class::Attention,
                Class::Product,
            ]);
            let argument = formula(random, Type::Tensor(class), depth - 1);
            Node::unary(random.pick(&operators(&[Kind::Reduction])), argument)
        }
        (Type::Network | Type::Layer, 3..=7) => aggregate(random, of, depth),
        (Type::Tensor(class), 3..=4) if class != Class::Product => {
            let argument = formula(random, of, depth - 1);
            Node::unary(
                random.pick(&operators(&[Kind::Tensorwise, Kind::Fibre])),
                argument,
            )
        }
        _ => {
            let argument = formula(random, of, depth - 1);
            Node::unary(random.pick(&operators(&unary)), argument)
        }
    }
}

fn aggregate(random: &mut Random, of: Type, depth: usize) -> Node {
    let operator = random.pick(&operators(&[Kind::Aggregator]));
    if of == Type::Network && depth > 4 && random.below(4) == 0 {
        return Node::aggregate(operator, None, formula(random, Type::Layer, depth - 1));
    }
    Node::Aggregate {
        operator,
        roles: roles(random),
        by_layer: of == Type::Layer,
        argument: Box::new(formula(random, Type::Site, depth - 1)),
    }
}

fn roles(random: &mut Random) -> Option<RoleSet> {
    let (ffn, attn) = (RoleSet::named("ffn"), RoleSet::named("attn"));
    random.pick(&[
        None,
        None,
        ffn,
        attn,
        RoleSet::named("block"),
        Some(RoleSet::of(&[Role::FfnIn, Role::Query])),
    ])
}

fn smallest(random: &mut Random, of: Type) -> Node {
    let of_class = |class| {
        let symbols = Symbol::ALL.into_iter();
        symbols
            .filter(move |symbol| Class::of(*symbol) == class)
            .collect::<Vec<_>>()
    };
    match of {
        Type::Tensor(Class::Product) => {
            let class = random.pick(&[Class::Parameter, Class::Output]);
            let symbols = of_class(class);
            let left = Node::Symbol(random.pick(&symbols));
            let product = operators(&[Kind::Product])[0];
            Node::binary(product, left, Node::Symbol(random.pick(&symbols)))
        }
        Type::Tensor(class) => Node::Symbol(random.pick(&of_class(class))),
        Type::Site => {
            let kinds = [Kind::Reduction, Kind::SymbolReduction];
            let symbol = random.pick(&Symbol::ALL);
            Node::unary(random.pick(&operators(&kinds)), Node::Symbol(symbol))
        }
        Type::Layer => aggregate(random, Type::Layer, 3),
        Type::Network => {
            let scalars = [
                NetworkScalar::Loss,
                NetworkScalar::Layers,
                NetworkScalar::Width,
                NetworkScalar::DecoderParams,
            ];
            Node::Scalar(random.pick(&scalars))
        }
        Type::Number => number(random),
    }
}
