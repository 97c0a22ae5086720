//! The published ground truths, as declared data.

use crate::fetch::Published;

/// A published ground truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// One sentence: what was trained, on what, how it was scored.
    pub description: &'static str,
    /// Number of architectures.
    pub entries: usize,
    /// Score in words: its unit, and whether lower or higher is better.
    pub metric: &'static str,
    /// Licence of the data.
    pub licence: &'static str,
    /// The files that are read.
    pub layout: &'static str,
    /// Where the files stand below a data folder.
    pub location: &'static str,
    /// Paper and repository.
    pub published: &'static str,
    /// The folder on the web below which the files stand.
    pub address: &'static str,
    /// `hash size path` of every file, a line each (`tools/list_published.py`);
    /// empty where nobody has pinned them yet, and then nothing can be fetched.
    pub listing: &'static str,
}

impl Known {
    /// Whether its files are pinned, so that they can be fetched.
    pub fn is_pinned(&self) -> bool {
        !self.listing.is_empty()
    }

    /// The files that belong to it, where they are pinned.
    pub fn files(&self) -> Vec<Published> {
        let file = |line: &str| {
            let mut fields = line.splitn(3, ' ');
            Some(Published {
                hash: fields.next()?.to_owned(),
                size: fields.next()?.parse().ok()?,
                path: fields.next()?.to_owned(),
            })
        };
        self.listing.lines().filter_map(file).collect()
    }
}

/// Every ground truth that this crate knows by name.
pub const KNOWN: [Known; 5] = [
    Known {
        name: "flexibert",
        description: "500 ELECTRA-small-like encoders of the FlexiBERT space, pretrained on \
                      OpenWebText and fine-tuned on GLUE",
        entries: 500,
        metric: "mean of 8 GLUE task scores, higher is better",
        licence: "CC-BY-4.0",
        layout: "BERT_benchmark.json: a list of records with id, scores.glue and \
                 hparams.model_hparam_overrides",
        location: "flexibert/BERT_benchmark.json",
        published: "Serianni & Kalita, ACL 2023; github.com/aaronserianni/training-free-nas, \
                    data/BERT_benchmark.json",
        address: "https://raw.githubusercontent.com/aaronserianni/training-free-nas/HEAD/data",
        listing: include_str!("published/flexibert.txt"),
    },
    Known {
        name: "lts-gpt2-wt103",
        description: "200 GPT-2 decoders with heterogeneous layers and adaptive embeddings, \
                      trained on WikiText-103",
        entries: 200,
        metric: "negative logarithm of the validation perplexity, higher is better",
        licence: "MIT",
        layout: "a folder with ppl_summary.yaml and config_X/jY/model_config.yaml",
        location: "lts/random_GPT2_wt103",
        published: "Javaheripi et al., NeurIPS 2022; github.com/microsoft/archai, branch \
                    neurips-lts, archai/nlp/nas/saved_logs/random_GPT2_wt103",
        address: "https://raw.githubusercontent.com/microsoft/archai/neurips-lts/archai/nlp/nas/\
                  saved_logs/random_GPT2_wt103",
        listing: include_str!("published/lts-gpt2-wt103.txt"),
    },
    Known {
        name: "lts-transformer-xl-wt103",
        description: "200 Transformer-XL decoders with heterogeneous layers and adaptive \
                      embeddings, trained on WikiText-103",
        entries: 200,
        metric: "negative logarithm of the validation perplexity, higher is better",
        licence: "MIT",
        layout: "a folder with ppl_summary.yaml and config_X/jY/model_config.yaml",
        location: "lts/random_TransXL_wt103",
        published: "Javaheripi et al., NeurIPS 2022; github.com/microsoft/archai, branch \
                    neurips-lts, archai/nlp/nas/saved_logs/random_TransXL_wt103",
        address: "https://raw.githubusercontent.com/microsoft/archai/neurips-lts/archai/nlp/nas/\
                  saved_logs/random_TransXL_wt103",
        listing: "",
    },
    Known {
        name: "openlm",
        description: "130 decoders like LLaMA of 10M to 412M parameters, trained on C4 with 20 \
                      tokens a parameter",
        entries: 130,
        metric: "loss in nats per token, lower is better",
        licence: "MIT",
        layout: "grid.json: a loss by d=WIDTH_l=BLOCKS_h=HEADS-...",
        location: "openlm/grid.json",
        published: "Gadre et al. 2024, arXiv 2403.08540; github.com/mlfoundations/scaling, \
                    exp_data/grid.json",
        address: "https://raw.githubusercontent.com/mlfoundations/scaling/a003c491/exp_data",
        listing: include_str!("published/openlm.txt"),
    },
    Known {
        name: "gemstones",
        description: "22 decoders like Gemma of 48M to 2.0B parameters, at 35 budgets of 10B to \
                      350B tokens",
        entries: 22,
        metric: "loss in nats per token, lower is better, or the accuracy of a task",
        licence: "MIT",
        layout: "wandb_df_for_fitting_hot_100b+.jsonl: a checkpoint a line; accuracies beside it \
                 in light_eval.csv",
        location: "gemstones/wandb_df_for_fitting_hot_100b+.jsonl",
        published: "McLeish et al. 2025, arXiv 2502.06857; \
                    github.com/mcleish7/gemstone-scaling-laws, wandb_dfs",
        address: "https://raw.githubusercontent.com/mcleish7/gemstone-scaling-laws/\
                  5f420478f6057b0cbb4d13405fb10ca64675bccb/wandb_dfs",
        listing: include_str!("published/gemstones.txt"),
    },
];

/// The ground truth of this name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}
