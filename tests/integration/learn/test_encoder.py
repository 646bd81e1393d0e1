import torch
from transformers import BertModel

from millrace.learn import bases
from millrace.learn.encoder import padded
from millrace.learn.model import base_embedder


def test_our_encoder_computes_what_transformers_does() -> None:
    texts = ["where is my parcel", "the box was crushed and the vase in it broke, so please send me another one"]
    ours = base_embedder("minilm")
    batch = padded(ours.tokens.ids(texts, 128))
    theirs = BertModel.from_pretrained(bases.find("minilm"), local_files_only=True).eval()
    with torch.inference_mode():
        hidden = theirs(input_ids=batch.ids, attention_mask=batch.mask.long()).last_hidden_state
        real = batch.mask.unsqueeze(-1).float()
        pooled = torch.nn.functional.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)
        assert torch.allclose(pooled, ours.encoder(batch.ids, batch.mask), atol=1e-5)


def test_training_mode_drops_and_gives_gradients_to_every_weight() -> None:
    ours = base_embedder("minilm")
    encoder = ours.encoder.requires_grad_(True).train()
    batch = padded(ours.tokens.ids(["where is my parcel"], 128))
    encoder(batch.ids, batch.mask).sum().backward()
    without = [name for name, weight in encoder.named_parameters() if weight.grad is None]
    assert without == []
    first, second = (encoder(batch.ids, batch.mask).detach() for _ in range(2))
    assert not torch.equal(first, second)
