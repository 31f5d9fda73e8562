"""The transformer scorer, with a real encoder that is made here: tiny, untrained, but the real thing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from finq_predictor.domain.errors import ScorerUnavailableError
from finq_predictor.domain.sentiment.scorers.transformer import TransformerScorer, label_signs

TEXTS = ["profit rises", "profit falls and losses widen", "", "rises " * 400]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("torch", reason="needs the text extra: torch is not installed")
    transformers = pytest.importorskip("transformers", reason="needs the text extra: transformers is not installed")
    import torch

    target = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "profit", "rises", "falls", "and", "losses", "widen"]
    (target / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(target / "vocab.txt")).save_pretrained(target)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        id2label={0: "positive", 1: "negative", 2: "neutral"}, label2id={"positive": 0, "negative": 1, "neutral": 2},
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(target)
    return str(target)


def test_scores_do_not_depend_on_the_batch(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = TransformerScorer(path=folder, batch_size=2).score(TEXTS)
        alone = [TransformerScorer(path=folder).score([text]).iloc[0].tolist() for text in TEXTS]
    assert np.allclose(together.to_numpy(), alone, atol=1e-6)
    assert together["tone"].between(-1, 1).all()
    assert together["confidence"].between(0, 1).all()


def test_a_folder_without_model_is_refused(tmp_path):
    pytest.importorskip("transformers", reason="needs the text extra: transformers is not installed")
    with pytest.raises(ScorerUnavailableError, match="no usable model"):
        TransformerScorer(path=str(tmp_path))


def test_without_a_folder_it_says_what_to_set():
    with pytest.raises(ScorerUnavailableError, match=r"scorer_options\.transformer\.path"):
        TransformerScorer()


def test_labels_must_say_what_is_good():
    assert label_signs({0: "Bearish", 1: "Bullish", 2: "neutral"}).tolist() == [-1, 1, 0]
    with pytest.raises(ScorerUnavailableError, match="label_0"):
        label_signs({0: "LABEL_0", 1: "LABEL_1"})
