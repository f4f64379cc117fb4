import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertForTokenClassification,
    DistilBertConfig,
    DistilBertForTokenClassification,
    RobertaConfig,
    RobertaForTokenClassification,
)

from nlparch.batches import TaggingCollator
from nlparch.data.labels import LabelSet, match_labels
from nlparch.distill.teacher_student import DistillSettings
from nlparch.errors import UserError
from nlparch.models.loading import load_word_tagger
from nlparch.models.transformer_token import TransformerTokenClassifier

TEXTS = ["Ann Lee flew to New Delhi.", "", "  ", "Who is Zoé-Ann?", "🙂 Nothing  happened\tin Oslo, said Bo", "x"]
ZERO_WIDTH = "\u200d"  # BERT's normaliser throws it away


def decided(model: Any) -> Any:
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def test_the_checkpoint_s_class_and_parameter_names_are_kept(new_transformer: Any, tmp_path: Path) -> None:
    model = new_transformer()
    assert isinstance(model, BertForTokenClassification) and isinstance(model, TransformerTokenClassifier)
    plain = BertForTokenClassification(model.config)
    assert model.state_dict().keys() == plain.state_dict().keys()
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"] and config["model_type"] == "bert"
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} == {
        file.name for file in tmp_path.iterdir()
    }


def test_other_tools_load_the_folder_and_get_the_same_logits(new_transformer: Any, tmp_path: Path) -> None:
    model = decided(new_transformer())
    model.save_pretrained(tmp_path)
    other = AutoModelForTokenClassification.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(other) is BertForTokenClassification and other.config.id2label == model.config.id2label
    words = ["Ann", "Lee", "flew", "to", "Kyoto", "Ltd"]
    encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        pieces = other(**encoded).logits[0]
        ours = model(**model.encode_words([words])).logits[0]
    first = [encoded.word_ids(0).index(word) for word in range(len(words))]
    assert torch.allclose(pieces[first], ours, atol=1e-6)
    labels = torch.zeros(encoded["input_ids"].shape, dtype=torch.long)
    assert torch.allclose(model(**encoded, labels=labels).loss, other(**encoded, labels=labels).loss), (
        "as a plain model"
    )


def test_a_saved_model_is_the_same(new_transformer: Any, tmp_path: Path) -> None:
    model = decided(new_transformer())
    model.config.splitter = "social"
    model.save_pretrained(tmp_path)
    loaded = TransformerTokenClassifier.from_pretrained(tmp_path)
    assert not loaded.training and loaded.splitter == "social" and loaded.label_set == model.label_set
    assert loaded.predict(TEXTS) == model.predict(TEXTS)


def test_padding_and_the_rest_of_the_batch_change_no_tag(new_transformer: Any, rows: Any) -> None:
    model = decided(new_transformer())
    sentences = [words for words, _ in rows] + [["Oslo"] * 90, ["Ann"]]
    one_by_one = model.tag_words(sentences, batch_size=1)
    for batch_size in (3, 64):
        for (tags, scores), (own_tags, own_scores) in zip(
            model.tag_words(sentences, batch_size=batch_size), one_by_one, strict=True
        ):
            assert tags == own_tags
            assert scores == pytest.approx(own_scores, abs=1e-4)
    assert len({tag for tags, _ in one_by_one for tag in tags}) > 1


def test_words_without_pieces_are_tagged_o_and_teach_nothing(new_transformer: Any) -> None:
    model = decided(new_transformer())
    sentence = ["Ann", ZERO_WIDTH, "flew", ZERO_WIDTH]
    assert model.n_unseen_words([sentence, [], ["Ann"]]) == 2
    ((tags, scores),) = model.tag_words([sentence])
    assert tags[1] == tags[3] == "O" and scores[1] == pytest.approx(0.2, abs=0.01)
    (logits,) = model.word_logits([sentence])
    assert np.isnan(logits[[1, 3]]).all() and np.isfinite(logits[[0, 2]]).all()
    alone = model.tag_words([["Ann", "flew"]])[0][0]
    assert [tags[0], tags[2]] == alone
    assert model.tag_words([[ZERO_WIDTH]])[0][0] == ["O"]


def test_of_a_word_without_pieces_plain_tags_are_all_as_likely(new_transformer: Any) -> None:
    model = new_transformer(tags=("NOUN", "VERB"))
    with torch.no_grad():
        logits = model(**model.encode_words([["Ann", ZERO_WIDTH]])).logits
    assert logits[0, 1].tolist() == [0.0, 0.0] and logits[0, 0, 0] != logits[0, 0, 1]


def test_words_a_student_cannot_see_take_part_in_no_loss(new_transformer: Any) -> None:
    model = new_transformer().distill_with(DistillSettings())
    example = {
        "words": ["Ann", ZERO_WIDTH],
        "labels": [1, 2],
        "teacher_logits": np.ones((2, 5), dtype=np.float16),
    }
    batch = TaggingCollator(model, match_labels(model.label_set.tags, ()))([example])
    assert batch["labels"].tolist() == [[1, -100]]
    assert batch["teacher_logits"][0, 1].isnan().all()
    assert torch.isfinite(model(**batch).loss)


def test_long_sentences_are_read_in_windows_and_lose_no_word(new_transformer: Any) -> None:
    model = decided(new_transformer(max_length=12))
    random = np.random.default_rng(0)
    words = random.choice(["Ann", "Lee", "flew", "Oslo", ".", "Kyoto"], 300).tolist()
    ((tags, scores),) = model.tag_words([words])
    assert len(tags) == len(scores) == 300
    batch = model.encode_words([words])
    assert batch["input_ids"].shape[1] <= 12
    with torch.no_grad():
        pieces = BertForTokenClassification.forward(
            plain(model), input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).logits
        ours = model(**batch).logits[0]
    chosen = pieces[batch["word_rows"][0], batch["word_positions"][0]]
    assert torch.allclose(ours, chosen, atol=1e-6)


def plain(model: Any) -> BertForTokenClassification:
    other = BertForTokenClassification(model.config).eval()
    other.load_state_dict(model.state_dict())
    return other


def test_the_window_is_saved_with_the_model(new_transformer: Any, tmp_path: Path) -> None:
    new_transformer(max_length=40).save_pretrained(tmp_path / "checkpoint")
    model = decided(TransformerTokenClassifier.from_pretrained(tmp_path / "checkpoint", max_length=10))
    model.save_pretrained(tmp_path / "tuned")
    loaded = TransformerTokenClassifier.from_pretrained(tmp_path / "tuned")
    long = [["Ann", "flew", "to", "Oslo", "."] * 8]
    assert loaded.window == model.window == (10, 2)
    assert loaded.tag_words(long) == model.tag_words(long)
    assert TransformerTokenClassifier.from_pretrained(tmp_path / "tuned", max_length=30).window[0] == 30


@pytest.mark.parametrize("max_length", [41, 2, 0])
def test_windows_beyond_the_checkpoint_are_refused(new_transformer: Any, tmp_path: Path, max_length: int) -> None:
    new_transformer(max_length=40).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="(max_length|the window .max_seq_len.) must"):
        TransformerTokenClassifier.from_pretrained(tmp_path, max_length=max_length)


def test_a_new_head_takes_new_labels_and_a_known_one_keeps_its_order(new_transformer: Any, tmp_path: Path) -> None:
    model = decided(new_transformer(["O", "B-PER", "I-PER"]))
    model.save_pretrained(tmp_path)
    same = TransformerTokenClassifier.from_pretrained(tmp_path, labels=LabelSet.from_tags(model.label_set.tags))
    assert same.label_set.tags == ("O", "B-PER", "I-PER")
    assert torch.equal(same.classifier.weight, model.classifier.weight)
    labels = LabelSet.from_tags(["O", "B-X", "I-X", "B-Y"])
    other = TransformerTokenClassifier.from_pretrained(tmp_path, labels=labels, splitter="spaces")
    assert other.label_set.tags == labels.tags and other.classifier.out_features == 4 and other.splitter == "spaces"
    assert torch.equal(other.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)
    assert TransformerTokenClassifier.from_pretrained(tmp_path).label_set.tags == ("O", "B-PER", "I-PER")


def test_a_transformer_teaches_a_smaller_one(new_transformer: Any, rows: Any) -> None:
    teacher = decided(new_transformer())
    student = new_transformer(hidden_size=8, intermediate_size=16).distill_with(DistillSettings(loss_fn="kl"))
    collate = TaggingCollator(student, match_labels(teacher.label_set.tags, ()))
    sentences = [words for words, _ in rows[:8]]
    logits = teacher.word_logits(sentences)
    examples = [
        {"words": words, "labels": None, "teacher_logits": values}
        for words, values in zip(sentences, logits, strict=True)
    ]
    batch = collate(examples)
    optimizer = torch.optim.Adam(student.train().parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        output = student(**batch)
        assert output.soft_loss >= 0 and output.hard_loss > 0
        output.loss.backward()
        optimizer.step()
        losses.append(output.loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_student_equal_to_its_teacher_has_no_soft_loss(new_transformer: Any) -> None:
    model = decided(new_transformer(max_length=10)).distill_with(DistillSettings(loss_fn="mse"))
    words = ["Ann", ZERO_WIDTH, "flew", "to", "New", "Delhi", "."] * 3
    examples = [{"words": words, "labels": None, "teacher_logits": model.word_logits([words])[0]}]
    output = model(**TaggingCollator(model, match_labels(model.label_set.tags, ()))(examples))
    assert output.soft_loss.item() == pytest.approx(0, abs=1e-9)


def test_checkpoints_of_other_architectures_are_loaded_as_they_are(new_transformer: Any, tmp_path: Path) -> None:
    tokenizer = new_transformer().tokenizer
    sizes: dict[str, Any] = dict(vocab_size=len(tokenizer), num_labels=3)
    distil = DistilBertConfig(dim=16, n_layers=1, n_heads=2, hidden_dim=32, max_position_embeddings=40, **sizes)
    bert_like: dict[str, Any] = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    roberta = RobertaConfig(**bert_like, max_position_embeddings=40, pad_token_id=1, **sizes)
    for name, own in (
        ("distil", DistilBertForTokenClassification(distil)),
        ("roberta", RobertaForTokenClassification(roberta)),
    ):
        own.eval().save_pretrained(tmp_path / name)
        tokenizer.model_max_length = 512
        tokenizer.save_pretrained(tmp_path / name)
        model = load_word_tagger(str(tmp_path / name))
        assert isinstance(model, type(own)) and type(model).__name__ == type(own).__name__
        # RoBERTa keeps the positions up to the padding id for itself.
        assert model.window[0] == (38 if name == "roberta" else 40)
        assert len(model.tag_words([["Ann", "flew", "to", "Oslo"] * 50])[0][0]) == 200


def test_a_folder_without_weights_is_refused_in_one_line(new_transformer: Any, tmp_path: Path) -> None:
    new_transformer().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError) as caught:
        load_word_tagger(str(tmp_path))
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_an_architecture_without_a_token_classifier_is_refused(new_transformer: Any, tmp_path: Path) -> None:
    new_transformer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    with pytest.raises(UserError, match="model type 'clip' has no token classifier"):
        load_word_tagger(str(tmp_path))


def test_a_small_tagger_has_no_window(new_tagger: Any, tmp_path: Path) -> None:
    new_tagger().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="reads whole sentences"):
        load_word_tagger(str(tmp_path), max_length=20)


def test_slow_tokenizers_are_refused(new_transformer: Any) -> None:
    class Slow:
        is_fast = False
        model_max_length = 40

    with pytest.raises(UserError, match="must have a fast version to align words, Slow has none"):
        new_transformer().read_with(Slow())


def test_reading_single_words_shows_its_progress(new_transformer: Any) -> None:
    seen: list[int] = []

    def track(numbers: Iterable[int]) -> list[int]:
        seen.extend(numbers)
        return seen

    new_transformer().word_states(["Oslo"] * 300, track=track)
    assert seen == [0, 256]
