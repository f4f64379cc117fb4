from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nlparch.data import alignment
from nlparch.data.alignment import PieceAligner, choose_windows, plan_windows
from nlparch.errors import UserError

TEXT = [
    "Ann Lee flew to New Delhi in 1999, of all places!",
    "the unaffordable handkerchief was unaffordable, antimatter has mass",
    "Zoé wrote: naïve café, ¿qué? 東京 🙂",
]
LONG = "antidisestablishmentarianism" * 3
DROPPED = "\u200d"  # BERT's normaliser throws it away
SENTENCES = [
    ["Ann", "Lee", "flew", "to", "Delhi", "!"],
    ["unaffordable", "é", "東京", "🙂", "1999,"],
    ["Ann"],
    [DROPPED, "Ann", DROPPED, DROPPED, "flew"],
    [LONG, "Ann", LONG],
    ["the", "handkerchief"] * 20,
]
some_words = st.lists(st.sampled_from(["Ann", "flew", "unaffordable", "a", ".", DROPPED, "東京", LONG]), min_size=1)


def word_piece() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=90, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def byte_level() -> Any:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizerFast

    draft = ByteLevelBPETokenizer(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    draft.train_from_iterator(TEXT, vocab_size=300, special_tokens=special, show_progress=False)
    merges = [tuple(merge) for merge in __import__("json").loads(draft._tokenizer.to_str())["model"]["merges"]]
    return RobertaTokenizerFast(vocab=draft.get_vocab(), merges=merges, add_prefix_space=True)


def unigram() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def only_at_the_end() -> Any:
    """T5's way: one special piece, at the end."""
    from tokenizers import processors

    tokenizer = unigram()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 2)]
    )
    return tokenizer


def without_unknown() -> Any:
    """Knows capital letters alone, and throws all else away."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {letter: number for number, letter in enumerate(["<pad>", *"ANLD"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


KINDS = [word_piece, byte_level, unigram, only_at_the_end, without_unknown]


@pytest.fixture(scope="module", params=KINDS, ids=lambda make: make.__name__)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.param()


# Windows over numbers of pieces


@st.composite
def readings(draw: st.DrawFn) -> tuple[np.ndarray, int, int]:
    capacity = draw(st.integers(1, 9))
    n_pieces = draw(st.lists(st.integers(0, capacity), min_size=1, max_size=25))
    return np.array(n_pieces), capacity, draw(st.integers(0, capacity - 1))


@given(readings())
def test_windows_cover_every_word_and_keep_their_size(reading: tuple[np.ndarray, int, int]) -> None:
    n_pieces, capacity, overlap = reading
    windows = plan_windows(n_pieces, capacity=capacity, overlap=overlap)
    assert windows[0][0] == 0 and windows[-1][1] == len(n_pieces)
    assert {word for start, end in windows for word in range(start, end)} == set(range(len(n_pieces)))
    for start, end in windows:
        assert n_pieces[start:end].sum() <= capacity
        assert end == len(n_pieces) or n_pieces[start : end + 1].sum() > capacity, "another word would have fitted"
    for (start, end), (next_start, next_end) in zip(windows, windows[1:], strict=False):
        assert start < next_start <= end and end <= next_end
        assert n_pieces[next_start:end].sum() <= overlap


def test_windows_share_as_much_as_they_may() -> None:
    assert plan_windows(np.ones(10, int), capacity=4, overlap=2) == [(0, 4), (2, 6), (4, 8), (6, 10)]
    assert plan_windows(np.ones(9, int), capacity=4, overlap=0) == [(0, 4), (4, 8), (8, 9)]
    assert plan_windows(np.array([3, 3, 3]), capacity=4, overlap=3) == [(0, 1), (1, 2), (2, 3)]


@given(readings())
def test_a_word_speaks_in_the_window_where_it_stands_farthest_from_an_edge(
    reading: tuple[np.ndarray, int, int],
) -> None:
    n_pieces, capacity, overlap = reading
    windows = plan_windows(n_pieces, capacity=capacity, overlap=overlap)

    def distance(word: int, window: tuple[int, int]) -> float:
        start, end = window
        left = np.inf if start == 0 else n_pieces[start:word].sum()
        right = np.inf if end == len(n_pieces) else n_pieces[word + 1 : end].sum()
        return float(min(left, right))

    for word, chosen in enumerate(choose_windows(n_pieces, windows)):
        there = [number for number, (start, end) in enumerate(windows) if start <= word < end]
        best = max(distance(word, windows[number]) for number in there)
        assert chosen == next(number for number in there if distance(word, windows[number]) == best)


# Sentences and tokenizers


def new_aligner(tokenizer: Any, **settings: int) -> PieceAligner:
    return PieceAligner(tokenizer.backend_tokenizer, pad_id=tokenizer.pad_token_id or 0, **settings)


def check_alignment(tokenizer: Any, sentences: list[list[str]], max_length: int, overlap: int) -> None:
    """Compares an aligned batch with what the tokenizer itself says of each sentence."""
    batch = new_aligner(tokenizer, max_length=max_length, overlap=overlap)(sentences)
    assert batch.input_ids.shape[1] <= max_length and batch.input_ids.shape == batch.attention_mask.shape
    assert batch.mask.tolist() == [[word < len(s) for word in range(batch.mask.shape[1])] for s in sentences]
    spoken: set[tuple[int, int]] = set()
    for index, words in enumerate(sentences):
        whole = tokenizer(words, is_split_into_words=True)
        owners = whole.word_ids()
        for word in range(batch.mask.shape[1]):
            row, position = batch.word_rows[index, word], batch.word_positions[index, word]
            if word not in owners:
                assert row == position == -1
                continue
            assert batch.attention_mask[row, position] and (row, position) not in spoken
            assert batch.input_ids[row, position] == whole["input_ids"][owners.index(word)]
            spoken.add((row, position))


@pytest.mark.parametrize(("max_length", "overlap"), [(400, 0), (24, 6), (9, 2), (4, 1)])
def test_every_word_speaks_through_its_first_piece(tokenizer: Any, max_length: int, overlap: int) -> None:
    check_alignment(tokenizer, SENTENCES, max_length, overlap)
    for words in SENTENCES:
        check_alignment(tokenizer, [words], max_length, overlap)


@settings(max_examples=25)
@given(st.lists(some_words, min_size=1, max_size=4), st.integers(5, 30), st.integers(0, 3))
def test_any_sentences_are_aligned(sentences: list[list[str]], max_length: int, overlap: int) -> None:
    assume(overlap < max_length - 2)
    check_alignment(_WORD_PIECE(), sentences, max_length, overlap)


_KEPT: list[Any] = []


def _WORD_PIECE() -> Any:
    _KEPT[:] = _KEPT or [word_piece()]
    return _KEPT[0]


def test_short_sentences_are_read_as_the_tokenizer_reads_them(tokenizer: Any) -> None:
    aligner = new_aligner(tokenizer, max_length=500, overlap=0)
    for words in SENTENCES:
        batch, whole = aligner([words]), tokenizer(words, is_split_into_words=True)
        assert batch.input_ids.tolist() == [whole["input_ids"]]
        owners = whole.word_ids()
        wanted = [owners.index(word) if word in owners else -1 for word in range(len(words))]
        assert batch.word_positions.tolist() == [wanted]


def test_rows_begin_and_end_as_the_tokenizer_has_it(tokenizer: Any) -> None:
    batch = new_aligner(tokenizer, max_length=7, overlap=1)(SENTENCES)
    special = tokenizer(["A"], is_split_into_words=True)["input_ids"]
    n_before = tokenizer(["A"], is_split_into_words=True).word_ids().index(0)
    n_after = len(special) - tokenizer(["A"], is_split_into_words=True).word_ids()[::-1].index(0)
    for row, mask in zip(batch.input_ids, batch.attention_mask, strict=True):
        pieces = row[mask == 1].tolist()
        assert pieces[:n_before] == special[:n_before]
        assert pieces[len(pieces) - (len(special) - n_after) :] == special[n_after:]


def test_own_pieces_are_neither_special_nor_padding(tokenizer: Any) -> None:
    aligner = new_aligner(tokenizer, max_length=12, overlap=1)
    batch = aligner(SENTENCES)
    own = aligner.own_pieces(batch)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    assert not set(batch.input_ids[own].tolist()) & special
    assert set(batch.input_ids[~own].tolist()) <= special
    assert not (own & (batch.attention_mask == 0)).any()


def test_no_more_than_so_much_is_remembered_of_words(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [new_aligner(tokenizer, max_length=500, overlap=0)([words]) for words in SENTENCES]
    monkeypatch.setattr("nlparch.data.alignment._KEPT", 20)
    aligner = new_aligner(tokenizer, max_length=500, overlap=0)
    for words, batch in [*zip(SENTENCES, wanted, strict=True)] * 2:
        found = aligner([words])
        assert found.input_ids.tolist() == batch.input_ids.tolist()
        assert found.word_positions.tolist() == batch.word_positions.tolist()
        assert set(aligner._known) == set(words) or alignment._size(aligner._known) <= 20


def test_a_hundred_words_never_seen_before_are_read_together(tokenizer: Any) -> None:
    check_alignment(tokenizer, [[f"Ann{number}" for number in range(100)], ["flew", "Ann7"]], 1000, 0)


def test_two_thousand_words_are_covered(tokenizer: Any) -> None:
    words = ["Ann", "flew", "unaffordable", "."] * 500
    batch = new_aligner(tokenizer, max_length=32, overlap=8)([words])
    owners = set(tokenizer(words, is_split_into_words=True).word_ids())
    assert ((batch.word_rows[0] >= 0) == [word in owners for word in range(2000)]).all()


def test_a_sentence_of_words_without_pieces_has_a_row_of_special_pieces() -> None:
    batch = new_aligner(_WORD_PIECE(), max_length=8, overlap=2)([[DROPPED] * 3])
    assert batch.input_ids.tolist() == [[2, 3]] and (batch.word_rows == -1).all() and batch.mask.all()


def test_a_word_longer_than_a_window_is_read_by_its_head() -> None:
    tokenizer = _WORD_PIECE()
    pieces = tokenizer([LONG], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert len(pieces) > 6
    batch = new_aligner(tokenizer, max_length=8, overlap=2)([["Ann", LONG, "Ann"]])
    row = batch.word_rows[0, 1]
    assert batch.input_ids[row].tolist() == [2, *pieces[:6], 3]


def test_the_model_s_own_limits_cut_nothing() -> None:
    tokenizer = word_piece()
    tokenizer.model_max_length = 5
    tokenizer(["a"], truncation=True, max_length=4, padding="max_length")
    check_alignment(tokenizer, [["Ann", "flew"] * 40], 30, 4)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (dict(max_length=2, overlap=0), "max_length must leave room for words beside 2 special pieces, got 2"),
        (dict(max_length=10, overlap=8), "the overlap of windows must be from 0 to 7 pieces, got 8"),
        (dict(max_length=10, overlap=-1), "from 0 to 7 pieces, got -1"),
    ],
)
def test_windows_without_room_are_refused(settings: dict[str, int], rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        new_aligner(_WORD_PIECE(), **settings)
