"""Models of random weights, small enough to be made in a test: what a repository of the hub looks like."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from millrace.learn import bases

VOCABULARY = 30522
SMALL: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def encoder(folder: Path) -> Path:
    config = DistilBertConfig(vocab_size=VOCABULARY, dim=16, hidden_dim=32, n_layers=2, n_heads=2)
    return _saved(folder, DistilBertModel(config))


def classifier(folder: Path) -> Path:
    return _saved(folder, BertForSequenceClassification(BertConfig(intermediate_size=32, **SMALL)))


def language_model(folder: Path) -> Path:
    return _saved(folder, LlamaForCausalLM(LlamaConfig(intermediate_size=32, num_key_value_heads=1, **SMALL)))


def answering(folder: Path) -> Path:
    """A language model that is spoken to by a template of its own."""
    language_model(folder)
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "[SEP]", "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


TEMPLATE = (
    "{% for one in messages %}{{ '[CLS]' + one['role'] + ': ' + one['content'] + '[SEP]' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[CLS]assistant: ' }}{% endif %}"
)


def _saved(folder: Path, model: PreTrainedModel) -> Path:
    """With MiniLM's tokenizer, and a card that names a licence."""
    torch.manual_seed(5)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    shutil.copyfile(bases.find("minilm") / "tokenizer.json", folder / "tokenizer.json")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A tiny model\n")
    return folder


def reconfigured(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))
