import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from nlparch.data.text_labels import TextLabels
from nlparch.errors import UserError
from nlparch.models.transformer_text import TransformerTextClassifier

TEXTS = [
    "Ann Lee flew to New Delhi.",
    "",
    "  ",
    "Who is Zoé-Ann?",
    "🙂 Nothing  happened\tin Oslo,\nsaid Bo",
    "x",
    "half a character \ud800",
]
PAIRS = [("Ann flew", "Bo flew to Oslo"), ("", ""), ("x", "")]
LONG = " ".join([".", "Oslo", "!", "?", "."] * 24)  # each word is one piece


def test_the_checkpoint_s_class_and_names_are_kept_and_other_tools_get_the_same_logits(
    new_text_transformer: Any, decided: Any, tmp_path: Path
) -> None:
    model = decided(new_text_transformer())
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["problem_type"] == "single_label_classification"
    other = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(other) is BertForSequenceClassification
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for texts in (TEXTS[:-1], PAIRS):
        parts = texts if isinstance(texts[0], str) else list(zip(*texts, strict=True))
        given = (parts,) if isinstance(texts[0], str) else map(list, parts)
        with torch.no_grad():
            wanted = other(**tokenizer(*given, padding=True, return_tensors="pt")).logits.numpy()
        assert model.text_logits(texts) == pytest.approx(wanted, abs=1e-5)


def test_a_saved_model_is_the_same(new_text_transformer: Any, decided: Any, tmp_path: Path) -> None:
    model = decided(new_text_transformer(("a", "b"), "multi_label"))
    model.config.splitter, model.config.calibration_temperature, model.config.thresholds = "social", 2.0, [0.2, 0.9]
    model.save_pretrained(tmp_path)
    loaded = TransformerTextClassifier.from_pretrained(tmp_path)
    assert not loaded.training and loaded.splitter == "social" and loaded.text_labels == model.text_labels
    assert (loaded.temperature, loaded.thresholds) == (2.0, [0.2, 0.9])
    assert loaded.predict(TEXTS + PAIRS) == model.predict(TEXTS + PAIRS)


def test_what_else_is_in_the_batch_changes_no_label(new_text_transformer: Any, decided: Any) -> None:
    model = decided(new_text_transformer())
    texts = [*TEXTS, *PAIRS, LONG, LONG[:50]]
    one_by_one = model.text_logits(texts, batch_size=1)
    assert len(set(one_by_one.argmax(-1))) > 1
    for batch_size in (3, 64):
        assert model.text_logits(texts, batch_size=batch_size) == pytest.approx(one_by_one, abs=1e-4)


@pytest.mark.parametrize("max_length", [6, 12])
def test_long_texts_are_cut_and_counted(new_text_transformer: Any, decided: Any, max_length: int) -> None:
    model = decided(new_text_transformer(max_length=max_length))
    capacity = max_length - 2
    words = LONG.split()
    cut = " ".join(words[:capacity])
    assert model.text_logits([LONG]) == pytest.approx(model.text_logits([cut]), abs=1e-5)
    assert model.count_cut([LONG, ". ?", ""]) == (1, len(words) - capacity)
    n_texts, n_words = model.count_cut([(LONG, "."), (".", LONG), ("Oslo", "Oslo")])
    assert n_texts == 2 and n_words == 2 * (len(words) - (max_length - 4))


def test_the_outputs_of_a_new_head_begin_where_they_are_told(new_text_transformer: Any, tmp_path: Path) -> None:
    new_text_transformer().save_pretrained(tmp_path / "a")
    labels, bias = TextLabels(("x", "y"), "multi_label"), [-3.0, 1.0]
    loaded = TransformerTextClassifier.from_pretrained(tmp_path / "a", labels=labels, head_bias=bias)
    assert loaded.text_logits(["Oslo", ""]) == pytest.approx(np.array([bias, bias]), abs=0.2)
    new = TransformerTextClassifier.from_config(loaded.config, loaded.tokenizer, head_bias=bias)
    assert new.text_logits(["Oslo", ""]) == pytest.approx(np.array([bias, bias]), abs=0.2)
    loaded.save_pretrained(tmp_path / "b")
    again = TransformerTextClassifier.from_pretrained(tmp_path / "b", labels=labels, head_bias=[9.0, 9.0])
    assert again.text_logits(["Oslo"]) == pytest.approx(loaded.text_logits(["Oslo"]), abs=1e-5), "it has its head"
    weights = {name: value for name, value in loaded.state_dict().items() if not name.startswith("classifier")}
    save_file(weights, tmp_path / "b" / "model.safetensors", metadata={"format": "pt"})
    headless = TransformerTextClassifier.from_pretrained(tmp_path / "b", labels=labels, head_bias=[-9.0, 9.0])
    assert headless.text_logits(["Oslo"]) == pytest.approx(np.array([[-9.0, 9.0]]), abs=0.2), "its labels are no head"


def test_windows_cover_long_texts_and_their_logits_are_averaged(new_text_transformer: Any, decided: Any) -> None:
    model = decided(new_text_transformer(max_length=12))
    model.config.long_texts = "windows"
    model.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    model.read_with(model.tokenizer)
    batch = model.encode_inputs([LONG, "?", (LONG, "!")])
    assert batch["input_ids"].shape[1] == 12 and batch["n_windows"][1] == 1 and batch["n_windows"][0] > 10
    with torch.no_grad():
        rows = BertForSequenceClassification.forward(
            plain(model), batch["input_ids"], batch["attention_mask"], batch["token_type_ids"]
        ).logits.numpy()
    n = int(batch["n_windows"][0])
    wanted = [rows[:n].mean(0), rows[n], rows[n + 1 :].mean(0)]
    assert model.text_logits([LONG, "?", (LONG, "!")]) == pytest.approx(np.stack(wanted), abs=1e-5)
    assert model.count_cut([LONG]) == (0, 0)
    own = [[piece for piece in row if piece > 3] for row in batch["input_ids"][:n].tolist()]
    overlap = 12 // 4
    read = own[0] + [piece for row in own[1:] for piece in row[overlap:]]
    assert read == model.tokenizer(LONG, add_special_tokens=False)["input_ids"]


def plain(model: Any) -> BertForSequenceClassification:
    other = BertForSequenceClassification(model.config).eval()
    other.load_state_dict(model.state_dict())
    return other


def test_windows_and_their_length_are_saved_with_the_model(
    new_text_transformer: Any, decided: Any, tmp_path: Path
) -> None:
    decided(new_text_transformer()).save_pretrained(tmp_path / "checkpoint")
    model = TransformerTextClassifier.from_pretrained(tmp_path / "checkpoint", max_length=10, long_texts="windows")
    assert not np.allclose(model.text_logits([LONG]), new_text_transformer().text_logits([LONG]))
    model.save_pretrained(tmp_path / "tuned")
    loaded = TransformerTextClassifier.from_pretrained(tmp_path / "tuned")
    assert loaded.window[0] == 10 and loaded.long_texts == "windows"
    assert loaded.text_logits([LONG]) == pytest.approx(model.text_logits([LONG]))
    assert loaded.reads_as() == model.reads_as()
    cut = TransformerTextClassifier.from_pretrained(tmp_path / "tuned", long_texts="truncate")
    assert cut.long_texts == "truncate" and cut.reads_as() != model.reads_as()


@pytest.mark.parametrize("max_length", [41, 4, 0])
def test_windows_without_room_are_refused(new_text_transformer: Any, tmp_path: Path, max_length: int) -> None:
    new_text_transformer().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="(max_length|the window .max_seq_len.) must"):
        TransformerTextClassifier.from_pretrained(tmp_path, max_length=max_length)


def test_a_new_head_takes_new_labels_and_a_known_one_keeps_its_order(
    new_text_transformer: Any, decided: Any, tmp_path: Path
) -> None:
    model = decided(new_text_transformer(("pos", "neg")))
    model.config.calibration_temperature = 3.0
    model.save_pretrained(tmp_path)
    load: Any = TransformerTextClassifier.from_pretrained
    same = load(tmp_path, labels=TextLabels.from_names(["neg", "pos"], "one_label"))
    assert same.text_labels.names == ("pos", "neg") and torch.equal(same.classifier.weight, model.classifier.weight)
    assert same.temperature == 3.0
    for labels in (
        TextLabels.from_names(["a", "b", "c"], "one_label"),
        TextLabels.from_names(["a", "b"], "one_label"),
        TextLabels.from_names(["pos", "neg"], "multi_label"),
        TextLabels.from_names([], "regression"),
    ):
        other = load(tmp_path, labels=labels)
        assert other.text_labels == labels and other.temperature == 1.0
        assert other.classifier.out_features == len(labels)
        assert not torch.equal(other.classifier.weight, model.classifier.weight[: len(labels)])
        assert torch.equal(other.bert.pooler.dense.weight, model.bert.pooler.dense.weight)


def test_a_head_of_one_number_is_kept_whatever_it_is_called(new_text_transformer: Any, tmp_path: Path) -> None:
    model = new_text_transformer(("LABEL_0",), "regression")
    model.save_pretrained(tmp_path)
    other = TransformerTextClassifier.from_pretrained(tmp_path, labels=TextLabels.from_names([], "regression"))
    assert torch.equal(other.classifier.weight, model.classifier.weight)


def test_checkpoints_of_other_architectures_are_loaded_as_they_are(new_text_transformer: Any, tmp_path: Path) -> None:
    tokenizer = new_text_transformer().tokenizer
    sizes: dict[str, Any] = dict(vocab_size=len(tokenizer), num_labels=3)
    bert_like: dict[str, Any] = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    roberta = RobertaConfig(**bert_like, max_position_embeddings=40, pad_token_id=1, type_vocab_size=1, **sizes)
    gpt2 = GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=40, bos_token_id=2, eos_token_id=3, **sizes)
    for own, names in (
        (RobertaForSequenceClassification(roberta), ["input_ids", "attention_mask"]),
        (GPT2ForSequenceClassification(gpt2), ["input_ids", "attention_mask"]),
    ):
        folder = tmp_path / own.config.model_type
        own.eval().save_pretrained(folder)
        tokenizer.model_input_names = names
        tokenizer.save_pretrained(folder)
        model = TransformerTextClassifier.from_pretrained(folder)
        assert type(model).__name__ == type(own).__name__ and model.text_labels.task == "one_label"
        texts = [*TEXTS, *PAIRS, LONG]
        assert model.text_logits(texts) == pytest.approx(model.text_logits(texts, batch_size=1), abs=1e-4)


def test_an_architecture_without_a_text_classifier_is_refused(new_text_transformer: Any, tmp_path: Path) -> None:
    new_text_transformer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip_text_model"}))
    with pytest.raises(UserError, match="model type 'clip_text_model' has no text classifier"):
        TransformerTextClassifier.from_pretrained(tmp_path)


def test_what_is_neither_a_text_nor_a_pair_is_refused(new_text_transformer: Any) -> None:
    model = new_text_transformer()
    with pytest.raises(ValueError, match="got one string; write predict"):
        model.predict("Ann")
    with pytest.raises(ValueError, match="a text must be a string or a pair of strings, got 3"):
        model.predict([3])
    assert model.predict([]) == []
    model.config.has_pairs = True
    with pytest.raises(ValueError, match="this model reads pairs of texts, got a single text"):
        model.predict(["Ann"])


def test_whole_words_are_those_that_begin_where_a_word_does(new_text_transformer: Any) -> None:
    model = new_text_transformer()
    words = model.whole_words()
    assert len(words) == len(set(words)) > 5 and all(word.isalpha() and len(word) > 1 for word in words)
    assert all(model.tokenizer.tokenize(word) == [word] for word in words)
    of_words = Tokenizer(BPE({"<s>": 0, "Ġ": 1, "ing": 2, "Ġoslo": 3, "Ġ12": 4, "Ġa": 5, "Ġsaid": 6}, []))
    model.tokenizer = PreTrainedTokenizerFast(tokenizer_object=of_words)
    assert model.whole_words() == ["oslo", "said"]


def test_whole_words_of_letters_beyond_ascii_are_read_from_bytes(new_text_transformer: Any) -> None:
    pieces = ["<s>", "Ġday", "ĠdÃŃa", "ĠcafÃ©", "ĠÐ´Ð°", "ĠÃ", "ing"]  # the last but one is half a letter
    model = new_text_transformer()
    of_bytes = Tokenizer(BPE({piece: number for number, piece in enumerate(pieces)}, []))
    model.tokenizer = PreTrainedTokenizerFast(tokenizer_object=of_bytes)
    assert model.whole_words() == ["day", "día", "café", "да"]


def test_whole_words_end_where_the_tokenizer_marks_ends(new_text_transformer: Any) -> None:
    model = new_text_transformer()
    with_ends = Tokenizer(BPE({"<s>": 0, "os": 1, "lo</w>": 2, "oslo</w>": 3, "said</w>": 4, "!</w>": 5}, []))
    model.tokenizer = PreTrainedTokenizerFast(tokenizer_object=with_ends)
    assert model.whole_words() == ["lo", "oslo", "said"]
