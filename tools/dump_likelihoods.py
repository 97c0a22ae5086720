"""Writes what transformers, PyTorch and PEFT find of texts and adapters on the checkpoint
fixtures of crates/nn.

    .venv/bin/python tools/dump_likelihoods.py

    crates/lpzero/tests/fixtures/likelihood/
        tokenizer.json, text.txt, items.json   a text and questions of 13 words
        expected.json                          by checkpoint: log-likelihoods of every token,
                                               perplexities by stride, sums of every answer
    crates/nn/tests/fixtures/adapters/<name>/
        adapter_config.json, adapter_model.safetensors   as PEFT's `save_pretrained` leaves them
        expected/outputs.safetensors           tokens, logits, loss
        expected/model.safetensors             the gradients with respect to the merged weights
        expected/config.json

In double precision; `dump_checkpoints.py` has written the checkpoints.
"""

import json
import math
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).parent.parent / "crates"
CHECKPOINTS = ROOT / "nn/tests/fixtures/checkpoints"
ADAPTERS = ROOT / "nn/tests/fixtures/adapters"
LIKELIHOOD = ROOT / "lpzero/tests/fixtures/likelihood"

WORDS = "? <s> true false answer1 answer2 answer3 : cat dog sits runs .".split()
# Windows of these positions and strides.
WINDOWS = [(8, 7), (8, 3), (5, 4), (5, 1)]
DECODERS = ["llama", "llama_scaled_biased", "llama_sharded", "mistral", "qwen3", "gpt2"]


def load(name):
    folder = CHECKPOINTS / name
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    )
    return model.eval()


def tokenizer():
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    # To be left out: texts are cut and filled up by nobody.
    made.enable_truncation(4)
    made.save(str(LIKELIHOOD / "tokenizer.json"))
    made.no_truncation()
    return made


def log_likelihoods(model, tokens):
    """Of every token but the first."""
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, :-1]
    logs = torch.log_softmax(logits, -1)
    return logs[torch.arange(len(tokens) - 1), torch.tensor(tokens[1:])].tolist()


def perplexity(model, tokens, positions, stride):
    """Every token but the first once, each in the first window that has one before it."""
    known = {}
    for start in range(0, len(tokens), stride):
        window = tokens[start : start + positions]
        for offset, value in enumerate(log_likelihoods(model, window)):
            known.setdefault(start + 1 + offset, value)
        if start + positions >= len(tokens):
            break
    assert sorted(known) == list(range(1, len(tokens)))
    return math.exp(-sum(known.values()) / len(known))


def items():
    generator = torch.Generator().manual_seed(3)
    word = lambda: WORDS[8 + int(torch.randint(5, (1,), generator=generator))]
    records = []
    for number in range(12):
        answer = 1 + number % 3
        choices = " ".join(f"Answer{i}: {word()}" for i in (1, 2, 3))
        records.append(
            {
                # Unknown words are one token each. gpt2 has 8 positions: some are cut.
                "instruction": f"{word()} {choices}" if number % 2 else f"{choices}",
                "input": "",
                "output": f"answer{answer}",
                "answer": f"answer{answer}",
            }
        )
    records.append({"instruction": "cat runs", "output": "false", "answer": "false"})
    records.append({"prompt": "dog", "choices": [" sits .", " runs . . ."], "answer": 1})
    return records


def sums(model, made, record):
    """Of every answer the summed log-likelihood."""
    if "choices" in record:
        prompt, choices = record["prompt"], record["choices"]
    else:
        prompt = record["instruction"] + "\n\n"
        names = ["true", "false"] if record["answer"] == "false" else WORDS[4:7]
        choices = [record["output"].replace(record["answer"], name) for name in names]
    before = made.encode(prompt).ids
    found = []
    for choice in choices:
        after = made.encode(choice, add_special_tokens=False).ids
        # What is too long loses its start.
        tokens = (before + after)[-model.config.max_position_embeddings :]
        found.append(sum(log_likelihoods(model, tokens)[-len(after) :]))
    return found


def dump_likelihoods():
    LIKELIHOOD.mkdir(parents=True, exist_ok=True)
    made = tokenizer()
    generator = torch.Generator().manual_seed(7)
    words = [WORDS[int(i)] for i in torch.randint(2, 13, (60,), generator=generator)]
    text = " ".join(words) + "\n"
    (LIKELIHOOD / "text.txt").write_text(text)
    records = items()
    (LIKELIHOOD / "items.json").write_text(json.dumps(records, indent=1) + "\n")
    tokens = made.encode(text, add_special_tokens=False).ids
    expected = {"tokens": tokens, "windows": WINDOWS, "checkpoints": {}}
    for name in DECODERS:
        model = load(name)
        expected["checkpoints"][name] = {
            "log_likelihoods": log_likelihoods(model, tokens[:8]),
            "perplexities": [perplexity(model, tokens, *window) for window in WINDOWS],
            "items": [sums(model, made, record) for record in records],
        }
    (LIKELIHOOD / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


ATTENTION = ["q_proj", "k_proj", "v_proj"]
# Name, checkpoint, configuration.
ADAPTED = [
    ("llama", "llama", {"r": 3, "lora_alpha": 6, "target_modules": [*ATTENTION, "up_proj"]}),
    (
        "llama_patterns",
        "llama",
        {
            "r": 4,
            "lora_alpha": 5,
            "use_rslora": True,
            "target_modules": r".*\.(q_proj|down_proj|gate_proj)",
            "rank_pattern": {"down_proj": 2, "layers.1.self_attn.q_proj": 1},
            "alpha_pattern": {"layers.0.mlp.gate_proj": 3},
        },
    ),
    ("llama_head", "llama", {"r": 2, "lora_alpha": 2, "target_modules": ["lm_head", "o_proj"]}),
    (
        "gpt2",
        "gpt2",
        {
            "r": 3,
            "lora_alpha": 4,
            "fan_in_fan_out": True,
            "target_modules": ["c_attn", "c_fc", "mlp.c_proj"],
        },
    ),
]


def dump_adapter(name, checkpoint, config):
    folder = ADAPTERS / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(1)
    model = load(checkpoint)
    adapted = get_peft_model(model, LoraConfig(lora_dropout=0.0, task_type="CAUSAL_LM", **config))
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if "lora_" in key:
                # Single precision, as it is stored.
                parameter.copy_((0.3 * torch.randn(parameter.shape)).float())
    # Else PEFT adds the head itself where it is adapted.
    adapted.eval().float().save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    saved = json.loads((folder / "adapter_config.json").read_text())
    saved["base_model_name_or_path"] = checkpoint
    for key, value in saved.items():
        # PEFT writes a set in any order.
        if isinstance(value, list):
            saved[key] = sorted(value)
    (folder / "adapter_config.json").write_text(json.dumps(saved, indent=1) + "\n")

    # Anew, and merged by PEFT, so that gradients are those of whole maps.
    from peft import PeftModel

    merged = PeftModel.from_pretrained(load(checkpoint), folder).double().merge_and_unload()
    merged.eval()
    for parameter in merged.parameters():
        parameter.requires_grad_(True)
    tokens = torch.randint(1, 12, (3, 7))
    result = merged(tokens, labels=tokens)
    result.loss.backward()
    expected = folder / "expected"
    expected.mkdir()
    shutil.copy(CHECKPOINTS / checkpoint / "config.json", expected)
    gradients = {key: p.grad for key, p in merged.named_parameters() if p.grad is not None}
    save_file(gradients, expected / "model.safetensors", metadata={"format": "pt"})
    save_file(
        {
            "tokens": tokens.double(),
            "logits": result.logits[:, :-1].detach().contiguous(),
            "loss": result.loss.detach(),
        },
        expected / "outputs.safetensors",
    )


def main():
    dump_likelihoods()
    for name, checkpoint, config in ADAPTED:
        dump_adapter(name, checkpoint, config)


if __name__ == "__main__":
    main()
