//! Drawing and varying genotypes.

use lpzero_arch::{Genotype, Space};
use lpzero_run::seed::Stream;
use rand::Rng;
use rand::seq::IndexedRandom;

/// A genotype whose every choice is uniform.
pub(crate) fn draw(space: &Space, random: &mut Stream) -> Genotype {
    let network = space.variables_of(false);
    let network = network.map(|variable| random.random_range(0..variable.choices.len()));
    let network = network.collect();
    let depth = space.blocks.choose(random).copied().unwrap_or(1);
    let mut genotype = Genotype {
        network,
        blocks: (0..depth).map(|_| block(space, random)).collect(),
    };
    space.raise(&mut genotype);
    genotype
}

fn block(space: &Space, random: &mut Stream) -> Vec<usize> {
    let variables = space.variables_of(true);
    let draw = variables.map(|variable| random.random_range(0..variable.choices.len()));
    draw.collect()
}

/// Something that a mutation can change.
enum Site {
    Depth,
    Network(usize),
    Block(usize),
}

/// Changes one variable, or the number of blocks, each as likely as the other; a
/// variable of blocks in one block. Half of the time, goes on and changes another.
pub(crate) fn mutate(space: &Space, genotype: &mut Genotype, random: &mut Stream) {
    let several = |size: usize| size > 1;
    let mut sites = Vec::new();
    if several(space.blocks.len()) {
        sites.push(Site::Depth);
    }
    for (index, variable) in space.variables_of(false).enumerate() {
        if several(variable.choices.len()) {
            sites.push(Site::Network(index));
        }
    }
    for (index, variable) in space.variables_of(true).enumerate() {
        if several(variable.choices.len()) {
            sites.push(Site::Block(index));
        }
    }
    loop {
        match sites.choose(random) {
            None => return,
            Some(Site::Depth) => {
                let others = space.blocks.iter().copied();
                let others: Vec<usize> = others.filter(|&n| n != genotype.blocks.len()).collect();
                if let Some(&depth) = others.choose(random) {
                    resize(genotype, depth, random);
                }
            }
            Some(&Site::Network(index)) => {
                if let Some(variable) = space.variables_of(false).nth(index) {
                    another(&mut genotype.network[index], variable.choices.len(), random);
                }
            }
            Some(&Site::Block(index)) => {
                if let Some(variable) = space.variables_of(true).nth(index)
                    && let Some(at) = pick(genotype.blocks.len(), random)
                {
                    let choice = &mut genotype.blocks[at][index];
                    another(choice, variable.choices.len(), random);
                }
            }
        }
        if random.random_bool(0.5) {
            break;
        }
    }
    space.raise(genotype);
}

/// Drops blocks from anywhere, or repeats some where they stand.
fn resize(genotype: &mut Genotype, depth: usize, random: &mut Stream) {
    let blocks = &mut genotype.blocks;
    while blocks.len() > depth {
        let at = random.random_range(0..blocks.len());
        blocks.remove(at);
    }
    while blocks.len() < depth {
        let at = random.random_range(0..blocks.len());
        blocks.insert(at, blocks[at].clone());
    }
}

fn pick(size: usize, random: &mut Stream) -> Option<usize> {
    (size > 0).then(|| random.random_range(0..size))
}

/// Another choice: half of the time one of the two beside it, which in a long list
/// of sizes is a small step, else any.
fn another(choice: &mut usize, size: usize, random: &mut Stream) {
    let step = random.random_bool(0.5);
    let up = match *choice {
        0 => true,
        last if last + 1 == size => false,
        _ => random.random_bool(0.5),
    };
    *choice = match (step, up) {
        (true, true) => *choice + 1,
        (true, false) => *choice - 1,
        (false, _) => {
            let other = random.random_range(0..size - 1);
            other + usize::from(other >= *choice)
        }
    };
}

/// Uniform crossover: every choice of the network, the number of blocks, and every
/// block whole from either parent; a block that only one has from that one.
pub(crate) fn cross(space: &Space, a: &Genotype, b: &Genotype, random: &mut Stream) -> Genotype {
    let pairs = a.network.iter().zip(&b.network);
    let network = pairs.map(|(a, b)| if random.random_bool(0.5) { *a } else { *b });
    let network = network.collect();
    let depth = match random.random_bool(0.5) {
        true => a.blocks.len(),
        false => b.blocks.len(),
    };
    let block = |at: usize| match (a.blocks.get(at), b.blocks.get(at)) {
        (Some(a), Some(b)) => if random.random_bool(0.5) { a } else { b }.clone(),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => Vec::new(),
    };
    let mut genotype = Genotype {
        network,
        blocks: (0..depth).map(block).collect(),
    };
    space.raise(&mut genotype);
    genotype
}
