//! Names of options, and the library's types that they stand for.

use std::time::Duration;

use lpzero::arch::Reading;
use lpzero::nas::Cost;
use lpzero::nn::Objective;
use lpzero::run::Budget;
use lpzero::search::{Criterion, Method};
use lpzero::shapes::NasMethod;
use lpzero::{Like, Repeats, Size, SplitSizes};

use crate::arguments::{
    BudgetArgument, CostArgument, FitnessArgument, LikeArguments, MethodArgument,
    NasMethodArgument, ObjectiveArgument, ReadingArgument, RepeatArguments, SizeArgument,
    SplitArgument,
};

impl From<ReadingArgument> for Reading {
    fn from(argument: ReadingArgument) -> Self {
        match argument {
            ReadingArgument::AsTrained => Reading::AsTrained,
            ReadingArgument::Declared => Reading::Declared,
            ReadingArgument::Reference => Reading::Reference,
        }
    }
}

impl From<ObjectiveArgument> for Objective {
    fn from(argument: ObjectiveArgument) -> Self {
        match argument {
            ObjectiveArgument::NextToken => Objective::NextToken,
            ObjectiveArgument::MaskedToken => Objective::MaskedToken,
            ObjectiveArgument::RandomProjection => Objective::RandomProjection,
            ObjectiveArgument::OutputSum => Objective::OutputSum,
        }
    }
}

impl From<RepeatArguments> for Repeats {
    fn from(RepeatArguments { inits, batches }: RepeatArguments) -> Self {
        Repeats { inits, batches }
    }
}

impl From<MethodArgument> for Method {
    fn from(argument: MethodArgument) -> Self {
        match argument {
            MethodArgument::Gp => Method::Genetic,
            MethodArgument::Random => Method::Random,
            MethodArgument::Exhaustive => Method::Exhaustive,
            MethodArgument::Powers => Method::Powers,
            MethodArgument::Transfer => Method::Transfer,
        }
    }
}

impl From<FitnessArgument> for Criterion {
    fn from(argument: FitnessArgument) -> Self {
        match argument {
            FitnessArgument::SomersD => Criterion::SomersD,
            FitnessArgument::Kendall => Criterion::Kendall,
            FitnessArgument::Spearman => Criterion::Spearman,
            FitnessArgument::SameSize => Criterion::SameSize,
        }
    }
}

impl From<BudgetArgument> for Budget {
    fn from(argument: BudgetArgument) -> Self {
        match argument {
            BudgetArgument::Evaluations(evaluations) => Budget::Evaluations(evaluations),
            BudgetArgument::Seconds(seconds) => {
                Budget::Time(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
            }
        }
    }
}

impl From<SplitArgument> for SplitSizes {
    fn from(SplitArgument { search, validation }: SplitArgument) -> Self {
        SplitSizes { search, validation }
    }
}

impl From<NasMethodArgument> for NasMethod {
    fn from(argument: NasMethodArgument) -> Self {
        match argument {
            NasMethodArgument::Nsga2 => NasMethod::Nsga2,
            NasMethodArgument::Evolution => NasMethod::Evolution,
            NasMethodArgument::Random => NasMethod::Random,
            NasMethodArgument::Exact => NasMethod::Exact,
        }
    }
}

impl From<CostArgument> for Cost {
    fn from(argument: CostArgument) -> Self {
        match argument {
            CostArgument::Params => Cost::Params,
            CostArgument::DecoderParams => Cost::DecoderParams,
            CostArgument::Flops => Cost::Flops,
            CostArgument::Memory => Cost::Memory,
            CostArgument::Serving => Cost::Serving,
            CostArgument::Latency => Cost::Latency,
            CostArgument::Table => Cost::Table,
        }
    }
}

impl From<LikeArguments> for Like {
    fn from(LikeArguments { tolerance, size }: LikeArguments) -> Self {
        Like {
            tolerance,
            size: match size {
                SizeArgument::Params => Size::Params,
                SizeArgument::DecoderParams => Size::DecoderParams,
                SizeArgument::Flops => Size::Flops,
            },
        }
    }
}
