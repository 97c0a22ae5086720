"""Commands whose results `compare_commands.py` compares.

Each case is a few command lines, run one after the other in a folder of their own.
`README` holds the lines of the README as of commit b12661a, made small: few
architectures, short passes, small budgets. `MORE` holds
the rest: interrupted runs, tables and pictures, wrong input.

A line may begin with a word of its own:
  stop:  the command is sent SIGTERM as soon as its run folder has something in it
  fails: the command ends with an error, as no other may
  old:   both sides use the old binary, so that the new one goes on with its files
"""

SHORT = "--batch 1 --positions 16"
SPLIT = "--split 10/5"
BERT = f"--truth BERT_benchmark.json {SHORT}"
GPT2 = f"--truth random_GPT2_wt103 {SHORT}"
# A search that ends in a second or two.
FIND = f"search {BERT} {SPLIT} --budget 300 --json"
TINY_FIND = f"search {SHORT} --budget 300 --json"
# Long enough to be stopped in between, on the small networks of `tiny`.
LONG_FIND = f"search {SHORT} --budget 6000 --seed 5 --json --out run"
TINY_NAS = f"nas {SHORT} --population 12 --json"
TINY_TRAIN = "train --layers 2 --width 16 --heads 2 --batch 4 --positions 32 --json"
ELASTIC = "train --space tiny-elastic --batch 2 --positions 16 --validation-batches 2 --json"
LLAMA_NAS = "nas --space space.json --supernet llama-7b --positions 8 --batch 1 --json"

# Every command of the README, in its order: what it says, and what is run for it.
README = {
    "search": ["search --json"],
    "search --truth path/to/BERT_benchmark.json": [FIND],
    "proxies synaptic_saliency": [
        "proxies synaptic_saliency",
        "proxies synaptic_saliency --json",
    ],
    "proxies 'sum(mean(W * X))'": ["fails: proxies 'sum(mean(W * X))'"],
    "rank --truth BERT_benchmark.json": [f"rank {BERT} --json"],
    "rank --truth BERT_benchmark.json --all --exact --format markdown --save raw.json": [
        # Ten architectures: some of these proxies take seconds for each.
        "rank --truth few/BERT_benchmark.json --batch 2 --positions 16 --all --exact "
        "--format markdown --save raw.json",
    ],
    "rank --truth random_GPT2_wt103 --proxy @run": [
        f"{FIND} --out run",
        f"rank {GPT2} --proxy @run --json",
    ],
    "rank --truth random_GPT2_wt103 --proxy 'sum[ffn](l2(G)) / params'": [
        f"rank {GPT2} --proxy 'sum[ffn](l2(G)) / params' --json",
    ],
    "score --truth BERT_benchmark.json --proxy snip --format csv": [
        f"score {BERT} --proxy snip --format csv",
    ],
    "score model_config.yaml --proxy snip --proxy params": [
        f"score model_config.yaml {SHORT} --proxy snip --proxy params --json",
    ],
    "score model_config.yaml --proxy snip --inits 4 --batches 4": [
        f"score model_config.yaml {SHORT} --proxy snip --inits 4 --batches 4 --json",
    ],
    "truth show --truth random_GPT2_wt103": [
        "truth show --truth whole/random_GPT2_wt103 --json",
    ],
    "truth audit BERT_benchmark.json": [
        "truth audit whole/BERT_benchmark.json --permutations 199 --json",
    ],
    "rank --truth mine.csv --score-column loss --lower-is-better": [
        f"rank --truth mine.csv --score-column loss --lower-is-better {SHORT} --json",
    ],
    "ablate unary population pruning --out mine": [
        f"ablate unary population pruning --seeds 1 --budget 20 {SHORT} --out mine --json",
    ],
    "train --layers 4 --width 64 --out run": [
        "train --layers 4 --width 64 --steps 20 --out run --json",
    ],
    "train model_config.yaml --text a.txt --tokenizer tokenizer.json": [
        "train small.json --text a.txt --tokenizer tokenizer.json --steps 20 "
        "--positions 16 --out run --json",
    ],
    "nas --space lts-gpt2 --max-params 20M --out run": [
        f"nas --space lts-gpt2 --max-params 20M --budget 10 --population 4 {SHORT} "
        "--out run --json",
    ],
    "score llama-7b --proxy snip --adapter lora": [
        "score llama-7b --proxy snip --adapter lora --positions 8 --json",
        "score llama-7b --proxy snip --positions 8 --memory 120KB --json",
    ],
    # The space of LoNAS has the sizes of LLaMA-7B; the folder at hand is a tiny one.
    "nas --space lonas-llama-7b --supernet llama-7b --method exact --max-params 5.6B --out run": [
        f"{LLAMA_NAS} --method exact --max-params 1000 --out run",
    ],
    "export run/architectures/ID.json --supernet llama-7b --out chosen": [
        f"{LLAMA_NAS} --method exact --max-params 1000 --out run",
        "export run/architectures/*.json --supernet llama-7b --out chosen --json",
    ],
    "eval chosen --text a.txt --items boolq/test.json": [
        f"{LLAMA_NAS} --method exact --max-params 1000 --out run",
        "export run/architectures/*.json --supernet llama-7b --out chosen",
        "eval chosen --text a.txt --items boolq/test.json --tokenizer tokenizer.json --json",
    ],
    "train --space tiny-elastic --out net": [f"{ELASTIC} --steps 8 --out net"],
    "truth build --supernet net --out losses": [
        f"{ELASTIC} --steps 8 --out net",
        "truth build --supernet net --architectures 12 --out losses --json",
    ],
    "truth build --out mine": ["truth build --architectures 4 --steps 6 --out mine --json"],
    # One unary operation a branch in place of two: 1/500 of the trees.
    "search --truth BERT_benchmark.json --method exhaustive": [
        f"search {BERT} {SPLIT} --method exhaustive --n-unary 1 --json",
    ],
    "search --truth BERT_benchmark.json --method exhaustive --aggregate all": [
        f"search {BERT} {SPLIT} --method exhaustive --aggregate all --n-unary 1 --json",
    ],
    "search --truth BERT_benchmark.json --out run": [f"{FIND} --out run"],
    "search --resume run": [f"stop: {LONG_FIND}", "search --resume run --json"],
    "search --truth BERT_benchmark.json --from run": [
        f"{FIND} --out run",
        f"{FIND} --from run",
    ],
    "search --truth BERT_benchmark.json --template 'sum[ffn](?(D)) ^ ?'": [
        f"{FIND} --template 'sum[ffn](?(D)) ^ ?'",
    ],
    "search --truth BERT_benchmark.json --truth random_GPT2_wt103": [
        f"search {BERT} --truth random_GPT2_wt103 {SPLIT} --split 6/4 --budget 200 --json",
    ],
    "truth list": ["truth list", "truth list --json"],
}

MORE = {
    "rank on tiny, in all formats": [
        f"rank {SHORT}",
        f"rank {SHORT} --json",
        f"rank {SHORT} --format csv",
        f"rank {SHORT} --format markdown --split 80/40",
        f"rank {SHORT} --inits 2 --batches 2 --proxy snip --proxy params --json",
    ],
    "score, in all formats": [
        f"score --truth few/BERT_benchmark.json {SHORT} --proxy snip --proxy 'sum(l2(G))'",
        f"score --truth few/BERT_benchmark.json {SHORT} --proxy snip --proxy naswot --proxy synflow --format csv",
        f"score --truth few/BERT_benchmark.json {SHORT} --proxy snip --format parquet",
    ],
    "the other readings and losses": [
        f"score {BERT} --proxy snip --reading declared --json",
        f"score {BERT} --proxy snip --reading reference --objective output-sum --json",
        f"score {BERT} --proxy snip --objective random-projection --json",
    ],
    "tables of a search and an audit": [
        f"search {SHORT} --budget 300",
        "truth audit --permutations 199",
        "truth show",
        "truth show --json",
    ],
    "the reference of the language": [
        "proxies",
        "proxies --json",
        "proxies --reference",
        "proxies 'sum[ffn](l2(G)) / params' --json",
    ],
    "the other methods of search": [
        f"{TINY_FIND} --method random --out random",
        f"search {SHORT} --json --method powers --out powers",
        f"{TINY_FIND} --powers --fitness kendall --seed 2",
        f"{TINY_FIND} --grammar paper --no-rules --no-prediction",
    ],
    "a search on one thread": [f"{TINY_FIND} --threads 1"],
    "an ablation in tables and pictures": [
        f"ablate split inputs --seeds 1 --budget 20 {SHORT} --out run",
    ],
    "an ablation that was stopped": [
        f"stop: ablate split --seeds 2 --budget 100 {SHORT} --out run",
        "ablate --resume run --json",
    ],
    "a training that was stopped": [
        f"stop: {TINY_TRAIN} --steps 1500 --accumulate 2 --hugging-face --out run",
        "train --resume run --json",
        "eval run --weights seeded --text a.txt --tokenizer tokenizer.json",
        "score run/hugging-face --proxy params --positions 8 --json",
    ],
    "a super-network that was stopped": [
        f"stop: {ELASTIC} --steps 400 --out net",
        "train --resume net --json",
    ],
    "a build that was stopped": [
        "stop: truth build --architectures 12 --steps 60 --threads 1 --out mine --json",
        "truth build --resume mine --json",
        f"rank --truth mine/truth.json {SHORT} --proxy snip --json",
    ],
    "searches of architectures, by every method": [
        f"{TINY_NAS} --budget 60 --max-params 60k --max-flops 1.5M --out nsga2",
        f"{TINY_NAS} --budget 60 --method evolution --max-params 60k --out evolution",
        f"{TINY_NAS} --budget 60 --method random --cost flops --out random",
        f"nas {SHORT} --budget 20 --population 12",
    ],
    "a search of architectures that was stopped": [
        f"stop: {TINY_NAS} --budget 400 --threads 1 --out run",
        "nas --resume run --json",
    ],
    "sub-networks of a stored network": [
        f"{LLAMA_NAS} --budget 8 --population 4 --proxy snip --out direct",
        f"{LLAMA_NAS} --budget 8 --population 4 --proxy snip --restricted --out restricted",
        f"{LLAMA_NAS} --method exact --restricted --rerank 3 --proxy snip "
        "--max-params 1100 --out exact",
        "nas --space tiny-elastic --supernet seeded --restricted --batch 1 --positions 16 "
        "--budget 20 --population 8 --json",
    ],
    "every model type of Hugging Face": [
        "score bert electra gpt2 llama-7b mistral qwen2 qwen3 --proxy snip "
        "--proxy grad_norm --positions 8 --batch 2 --json",
        "eval qwen3 --text a.txt --tokenizer tokenizer.json --positions 8 --stride 3",
        "eval llama-7b --adapter lora --text a.txt --tokenizer tokenizer.json --json",
    ],
    # What runs and caches of the old binary are to the new one.
    "the new binary goes on with a search of the old": [
        f"old: stop: {LONG_FIND}",
        "search --resume run --json",
    ],
    "the new binary goes on with a training of the old": [
        f"old: stop: {TINY_TRAIN} --steps 1500 --accumulate 2 --out run",
        "train --resume run --json",
    ],
    "the new binary goes on with a build of the old": [
        "old: stop: truth build --architectures 12 --steps 60 --threads 1 --out mine --json",
        "truth build --resume mine --json",
    ],
    "the new binary goes on with a search of architectures of the old": [
        f"old: stop: {TINY_NAS} --budget 400 --threads 1 --out run",
        "nas --resume run --json",
    ],
    "the new binary goes on with an ablation of the old": [
        f"old: stop: ablate split --seeds 2 --budget 100 {SHORT} --out run",
        "ablate --resume run --json",
    ],
    "the new binary reads traces and reports of the old": [
        f"old: rank {SHORT} --proxy snip --json",
        f"rank {SHORT} --proxy snip --json",
        f"old: {TINY_FIND} --out run",
        f"rank {SHORT} --proxy @run --json",
        f"{TINY_FIND} --from run",
    ],
    "wrong input": [
        "fails: rank --truth nowhere.json",
        "fails: rank --truth mine.csv",
        "fails: rank --proxy 'sum(W'",
        "fails: search --split 500/500",
        "fails: search --resume nowhere",
        "fails: search --template 'sum(l1(D))'",
        "fails: score --proxy az_nas",
        "fails: score nowhere.json --proxy snip",
        "fails: train --steps 0",
        "fails: train --width 16 --heads 3",
        "fails: train --resume nowhere",
        "fails: nas --max-params 100",
        "fails: nas --space tinny",
        "fails: ablate --resume nowhere",
        "fails: truth fetch nowhere",
        "fails: truth build --supernet nowhere --out run",
        "fails: export nowhere.json --supernet llama-7b --out chosen",
        "fails: eval llama-7b --tokenizer tokenizer.json",
        "fails: eval bert --text a.txt --tokenizer tokenizer.json",
    ],
}

# Differences that are meant: name of a case, then why.
REFUSED = "folders of before have other journals, and are refused in one sentence"
CHANGED: dict[str, str] = {
    "the new binary goes on with a search of the old": REFUSED,
    "the new binary goes on with a build of the old": REFUSED,
    "the new binary goes on with a search of architectures of the old": REFUSED,
    "the new binary goes on with an ablation of the old": REFUSED,
    "score, in all formats": "Parquet is written from an arrow record batch: the same numbers",
    "truth audit BERT_benchmark.json": "regressions are faer's: r2 to the last digits, tau to 2e-5",
}
