import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlparch.data.features import WordFeatures
from nlparch.data.labels import IGNORED_LABEL
from nlparch.distill.teacher_student import DistillSettings
from nlparch.errors import UserError
from nlparch.models.loading import load_word_tagger
from nlparch.models.tagger import NeuralTagger
from nlparch.models.task_model import reading
from nlparch.models.word_tagger import pad_labels

KINDS = {
    "lstm": dict(),
    "lstm crf": dict(use_crf=True),
    "idcnn": dict(embedder="id-cnn", n_blocks=2),
    "idcnn crf": dict(embedder="id-cnn", use_crf=True, n_char_filters=0, shape_width=0),
    "hashed words": dict(embedder="id-cnn", n_word_buckets=30),
}
TEXTS = ["Ann Lee flew to New Delhi.", "", "   ", "Who is Zoé-Ann?", "🙂 Nothing  happened\tin Oslo, said Bo", "x"]


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_the_rest_of_the_batch_change_no_tag(new_tagger: Any, decided: Any, rows: Any, kind: str) -> None:
    model = decided(new_tagger(**KINDS[kind]))
    sentences = [words for words, _ in rows] + [["Oslo"] * 40]
    one_by_one = model.tag_words(sentences, batch_size=1)
    for batch_size in (2, 7, 64):
        for (tags, scores), (own_tags, own_scores) in zip(
            model.tag_words(sentences, batch_size=batch_size), one_by_one, strict=True
        ):
            assert tags == own_tags
            assert scores == pytest.approx(own_scores, abs=1e-4)
    assert len({tag for tags, _ in one_by_one for tag in tags}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_no_padding(new_tagger: Any, rows: Any, kind: str) -> None:
    still = dict(dropout=0.0, input_dropout=0.0, hidden_dropout=0.0)
    model = new_tagger(**KINDS[kind], **still).train()
    chosen = [rows[index] for index in (0, 5, 9)]
    total = sum(loss_of(model, [row]).item() * len(row[0]) for row in chosen)
    assert loss_of(model, chosen).item() == pytest.approx(total / sum(len(words) for words, _ in chosen), abs=1e-5)


def loss_of(model: Any, rows: Any) -> torch.Tensor:
    batch = model.encode_words([words for words, _ in rows])
    labels = pad_labels([model.label_set.encode(tags) for _, tags in rows], batch["mask"].shape[1])
    loss: torch.Tensor = model(**batch, labels=labels).loss
    return loss


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_tagger_is_the_same(new_tagger: Any, decided: Any, tmp_path: Path, kind: str) -> None:
    model = decided(new_tagger(**KINDS[kind], splitter="social"))
    model.save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "model.safetensors", "features.json"}
    loaded = NeuralTagger.from_pretrained(tmp_path)
    assert not loaded.training and loaded.splitter == "social" and loaded.label_set == model.label_set
    assert loaded.features == model.features
    for ours, own in zip(loaded.predict(TEXTS), model.predict(TEXTS), strict=True):
        # Some processors round otherwise where weights lie otherwise in memory.
        assert (ours.offsets, ours.tags) == (own.offsets, own.tags)
        assert ours.scores == pytest.approx(own.scores, abs=1e-6)
    assert isinstance(load_word_tagger(str(tmp_path)), NeuralTagger)


def test_settings_of_the_lesson_are_no_part_of_the_saved_tagger(new_tagger: Any, tmp_path: Path) -> None:
    model = new_tagger().distill_with(DistillSettings(temperature=7.0))
    model.save_pretrained(tmp_path)
    assert "7.0" not in (tmp_path / "config.json").read_text()
    assert NeuralTagger.from_pretrained(tmp_path).distillation is None


@pytest.mark.parametrize(("file", "content"), [("features.json", None), ("features.json", "{}"), ("config.json", "[")])
def test_a_broken_folder_is_refused_in_one_line(new_tagger: Any, tmp_path: Path, file: str, content: Any) -> None:
    new_tagger().save_pretrained(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(UserError, match=file) as caught:
        load_word_tagger(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_predictions_say_where_words_and_entities_stand(new_tagger: Any) -> None:
    model = new_tagger(splitter="words")
    tags = {"Ann": "B-PER", "Lee": "I-PER", "New": "B-LOC", "Delhi": "I-LOC"}
    model.best_labels = lambda logits, mask: (fixed, torch.full(fixed.shape, 0.5))
    text = "So  Ann Lee (of New\tDelhi) left."
    words = ["So", "Ann", "Lee", "(", "of", "New", "Delhi", ")", "left", "."]
    fixed = torch.tensor([[model.label_set.ids[tags.get(word, "O")] for word in words]])
    (prediction,) = model.predict([text])
    assert [(word.text, text[word.start : word.end]) for word in prediction.words] == [(word, word) for word in words]
    assert [(entity.label, entity.text, entity.score) for entity in prediction.entities] == [
        ("PER", "Ann Lee", 0.5),
        ("LOC", "New\tDelhi", 0.5),
    ]
    assert all(text[entity.start : entity.end] == entity.text for entity in prediction.entities)
    (given_words,) = model.predict([words])
    assert given_words.text == " ".join(words) and given_words.tags == prediction.tags
    assert [entity.text for entity in given_words.entities] == ["Ann Lee", "New Delhi"]


def test_empty_texts_and_sentences_get_empty_predictions(new_tagger: Any) -> None:
    model = new_tagger()
    for prediction in model.predict(["", " \t ", "\u2028"]) + model.predict([[], ()]):
        assert list(prediction.words) == prediction.entities == []
    assert model.predict([]) == []
    mixed = model.predict(["", "Ann flew", ""])
    assert [len(prediction.tags) for prediction in mixed] == [0, 2, 0]


def test_one_string_is_no_list_of_texts(new_tagger: Any) -> None:
    with pytest.raises(ValueError, match="got one string"):
        new_tagger().predict("Ann flew")


def test_a_stream_is_read_as_it_comes_and_kept_in_order(new_tagger: Any) -> None:
    model = new_tagger()
    n_read = 0

    def texts() -> Any:
        nonlocal n_read
        for number in itertools.count():
            n_read += 1
            yield f"Ann flew {number} {'on ' * (number % 7)}"

    found = list(itertools.islice(model.predict_stream(texts(), batch_size=2), 200))
    assert [prediction.text.split()[2] for prediction in found] == [str(number) for number in range(200)]
    assert n_read < 500


def test_scores_are_probabilities(new_tagger: Any, decided: Any) -> None:
    model = decided(new_tagger(use_crf=True))
    for prediction in model.predict(TEXTS):
        assert all(0 < score <= 1 for score in prediction.scores)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_a_crf_predicts_no_forbidden_transition(new_tagger: Any, seed: int, lengths: list[int]) -> None:
    model = crf_of(new_tagger)
    random = torch.Generator().manual_seed(seed)
    logits = 30 * torch.randn(len(lengths), max(lengths), 9, generator=random)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        for scores in model.crf.parameters():
            scores.copy_(20 * torch.randn(scores.shape, generator=random))
        labels, scores = model.best_labels(logits, mask)
    legal = model.label_set.legal()
    for row, length in zip(labels.tolist(), lengths, strict=True):
        assert legal.start[row[0]] and legal.end[row[length - 1]]
        assert all(legal.moves[a, b] for a, b in itertools.pairwise(row[:length]))
    assert ((scores[mask] >= 0) & (scores[mask] <= 1)).all()


_CRF: list[Any] = []


def crf_of(new_tagger: Any) -> Any:
    tags = ["O", *(f"{kind}-{type_}" for kind in "BIES" for type_ in ("LOC", "PER"))]
    _CRF[:] = _CRF or [new_tagger(tags, use_crf=True)]
    return _CRF[0]


def test_word_dropout_acts_in_training_alone(new_tagger: Any) -> None:
    model = new_tagger(word_dropout=0.9, dropout=0.0)
    plain = new_tagger(word_dropout=0.0, dropout=0.0)
    batch = model.encode_words([["Ann", "Lee", "flew", "to", "Oslo", "."] * 3])
    assert torch.equal(model(**batch).logits, plain(**batch).logits)
    torch.manual_seed(0)
    trained = model.train()(**batch).logits
    assert not torch.allclose(trained, plain.train()(**batch).logits, atol=1e-4)
    dropped = model._drop_words(torch.tensor([[5, 6, 7, 8, 9] * 200 + [0] * 50]))
    assert dropped[0, -50:].eq(0).all() and set(dropped[0, :1000].tolist()) == {1, 5, 6, 7, 8, 9}
    assert 0.85 < dropped.eq(1).float().sum() / 1000 < 0.95


def test_the_dropout_penalty_is_half_the_mean_square_between_both_readings(new_tagger: Any, rows: Any) -> None:
    idcnn = dict(embedder="id-cnn", n_blocks=3, middle_dropout=0.3)
    batch_rows = rows[:4]
    losses = {}
    for weight in (0.0, 2.0):
        model = new_tagger(**idcnn, drop_penalty=weight).train()
        torch.manual_seed(5)
        losses[weight] = loss_of(model, batch_rows)
        assert model.training and all(module.training for module in model.modules())
        assert loss_of(model.eval(), batch_rows).item() == loss_of(new_tagger(**idcnn).eval(), batch_rows).item()
    model = new_tagger(**idcnn).train()
    batch = model.encode_words([words for words, _ in batch_rows])
    torch.manual_seed(5)
    dropped, steady = model(**batch).logits, model.eval()(**batch).logits
    squares = [(dropped - steady)[row, word].square().sum() for row, word in batch["mask"].nonzero().tolist()]
    expected = 2.0 * 0.5 * sum(squares) / len(squares)
    assert (losses[2.0] - losses[0.0]).item() == pytest.approx(expected.item(), rel=1e-4) != 0


def test_several_blocks_change_the_reading_and_share_their_weights(new_tagger: Any, rows: Any) -> None:
    one, three = (new_tagger(embedder="id-cnn", n_blocks=n_blocks) for n_blocks in (1, 3))
    assert one.state_dict().keys() == three.state_dict().keys()
    three.load_state_dict(one.state_dict())
    assert loss_of(one, rows[:4]).item() != pytest.approx(loss_of(three, rows[:4]).item(), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_reaches_every_parameter(new_tagger: Any, rows: Any, kind: str, precision: str) -> None:
    model = new_tagger(**KINDS[kind]).train()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = loss_of(model, rows)
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_teacher_outputs_alone_give_a_loss(new_tagger: Any) -> None:
    model = new_tagger().distill_with(DistillSettings())
    batch = model.encode_words([["Ann", "flew"]])
    output = model(**batch, teacher_logits=torch.randn(1, 2, 5))
    assert output.soft_loss > 0 and output.hard_loss == 0 and output.loss == output.soft_loss
    assert model(**batch).loss is None


@pytest.mark.parametrize("use_crf", [False, True])
def test_a_tagger_teaches_a_tagger(new_tagger: Any, decided: Any, rows: Any, use_crf: bool) -> None:
    """With a CRF, a teacher gives log marginals; a student learns to tag as it does."""
    teacher = decided(new_tagger(use_crf=use_crf))
    student = new_tagger(embedder="id-cnn", input_dropout=0.0).distill_with(DistillSettings(student_w=0.0))
    sentences = [words for words, _ in rows]
    logits = teacher.word_logits(sentences)
    for words, values in zip(sentences, logits, strict=True):
        assert values.shape == (len(words), 5) and np.isfinite(values).all()
        assert use_crf == np.allclose(np.exp(values).sum(-1), 1, atol=1e-3)
    batch = student.encode_words(sentences)
    taught = torch.full((*batch["mask"].shape, 5), torch.nan)
    for row, values in enumerate(logits):
        taught[row, : len(values)] = torch.from_numpy(values)
    optimizer = torch.optim.Adam(student.train().parameters(), lr=0.01)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        labels = torch.full(batch["mask"].shape, IGNORED_LABEL)
        loss = student(**batch, labels=labels, teacher_logits=taught).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    agreed = taught.argmax(-1) == student.eval()(**batch).logits.argmax(-1)
    assert agreed[batch["mask"]].float().mean() > 0.8


def test_pretrained_vectors_are_taken_for_words_of_the_vocabulary(new_tagger: Any) -> None:
    model = new_tagger()
    vector = np.arange(12, dtype=np.float32)
    table = model.embedder.words.table.weight
    before = table.detach().clone()
    model.set_word_vectors({"oslo": vector})
    changed = (table != before).any(-1).nonzero().flatten().tolist()
    assert changed == [model.features.word_id("Oslo")]
    assert np.array_equal(table[changed[0]].detach().numpy(), vector)


def test_hashed_words_begin_as_near_to_their_vectors_as_buckets_come(new_tagger: Any) -> None:
    model = new_tagger(n_word_buckets=1000)
    vectors = {word: np.random.default_rng(ord(word)).normal(size=12) for word in "abcdefgh"}
    before = model.embedder.words.table.weight.detach().clone()
    model.set_word_vectors(vectors)
    model.set_word_vectors({})
    table = model.embedder.words.table.weight.detach()
    for word, vector in vectors.items():
        found = sum(table[id_] for id_ in model.features.bucket_ids(word)).numpy()
        assert np.corrcoef(found, vector)[0, 1] > 0.99
    used = {id_ for word in vectors for id_ in model.features.bucket_ids(word)}
    others = [id_ for id_ in range(len(table)) if id_ not in used]
    assert torch.equal(table[others], before[others])


@pytest.mark.parametrize("n_word_buckets", [0, 500])
def test_word_dropout_hides_whole_words_in_training_only(new_tagger: Any, n_word_buckets: int) -> None:
    model = new_tagger(n_word_buckets=n_word_buckets, word_dropout=0.5).train()
    torch.manual_seed(0)
    ids = model.encode_words([["Ann", "flew", "to", "Oslo"] * 20, ["Dee"]])["word_ids"]
    dropped = model._drop_words(ids)
    before, after = ids.reshape(2, 80, -1), dropped.reshape(2, 80, -1)
    hidden = (before != after).any(-1)
    assert 20 < hidden.sum() < 60 and not hidden[1, 1:].any()
    assert (before != after)[hidden].float().mean() > 0.95, "all ids of a word together"
    if n_word_buckets:
        assert after[hidden].min() >= 2 and after[hidden].unique().numel() > 20 and after.max() < 502
    else:
        assert (after[hidden] == 1).all()
    assert torch.equal(model.eval()._drop_words(ids), ids)


def test_unknown_embedders_are_refused(new_tagger: Any) -> None:
    with pytest.raises(ValueError, match="embedder must be one of cnn-lstm, id-cnn, got 'gru'"):
        new_tagger(embedder="gru")


def test_features_are_not_needed_twice(new_tagger: Any, tmp_path: Path) -> None:
    new_tagger().save_pretrained(tmp_path)
    assert WordFeatures.load(tmp_path) == new_tagger().features


def test_reading_rests_every_module_and_puts_each_back(new_tagger: Any) -> None:
    model = new_tagger().train()
    model.embedder.eval()  # frozen, say
    modes = [module.training for module in model.modules()]
    assert len(set(modes)) == 2
    with reading(model):
        assert not any(module.training for module in model.modules()) and torch.is_inference_mode_enabled()
    assert [module.training for module in model.modules()] == modes
    model.eval().embedder.train()
    with reading(model):
        assert not any(module.training for module in model.modules())
    assert not model.training and model.embedder.training
