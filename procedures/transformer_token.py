"""Fine-tune a transformer that tags words."""

from collections.abc import Iterable, Sequence
from typing import Any

from nlparch.models.transformer_token import TransformerTokenClassifier

from . import runs
from .option_groups import TransformerOptions
from .options import TransformerTokenOptions

_SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def run(options: TransformerTokenOptions) -> None:
    """Fine-tunes a checkpoint, or trains a small one from scratch, and reports its scores."""
    run = runs.begin_seeded(options)
    corpus = runs.load_data(options, run)
    train_rows = runs.gold_rows(run, corpus)
    splitter = runs.pick_splitter(options, run, train_rows["words"])
    if options.model_name_or_path is None:
        config, tokenizer = new_transformer(options, train_rows["words"], corpus.labels.tags)
        model = TransformerTokenClassifier.from_config(config, tokenizer)
        model.config.splitter = splitter
    else:
        model = TransformerTokenClassifier.from_pretrained(
            options.model_name_or_path, labels=corpus.labels, splitter=splitter, max_length=options.max_seq_len
        )
    device = runs.choose_device(options)
    precision = runs.choose_precision(options.precision, device)
    if n_unseen := model.n_unseen_words(train_rows["words"]):
        run.note(f"{n_unseen} training words have no pieces: they take part in no loss")
    for name in ("dev", "test"):
        if name in corpus.splits and (n_unseen := model.n_unseen_words(corpus.splits[name]["words"])):
            run.note(f"{n_unseen} {name} words have no pieces: the model cannot see them")
    prepared = runs.prepare(options, run, train_rows, corpus, precision=precision)
    runs.train(options, run, model, train_rows, corpus, prepared)
    runs.score_splits(run, model, corpus, precision=precision)
    runs.finish(options, run, "transformer_token")


def new_transformer(
    options: TransformerOptions, sentences: Iterable[Sequence[str]], names: Sequence[str]
) -> tuple[Any, Any]:
    """The configuration of a small BERT with these labels, and a WordPiece tokenizer trained on the sentences."""
    from transformers import BertConfig

    max_length = 256 if options.max_seq_len is None else options.max_seq_len
    tokenizer = train_tokenizer(
        sentences, vocab_size=options.vocab_size, lowercase=options.lowercase, max_length=max_length
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=options.hidden_size,
        num_hidden_layers=options.n_layers,
        num_attention_heads=options.n_heads,
        intermediate_size=4 * options.hidden_size,
        max_position_embeddings=max_length,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(names)),
        label2id={name: label for label, name in enumerate(names)},
    )
    return config, tokenizer


def train_tokenizer(sentences: Iterable[Sequence[str]], *, vocab_size: int, lowercase: bool, max_length: int) -> Any:
    """A WordPiece tokenizer in BERT's manner, trained on sentences of words; the same whenever they are the same."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    texts = [" ".join(words) for words in sentences]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers the characters inside words as a hash map yields them, otherwise each time, and breaks ties
    # between merges by number. Called special they keep this order; the tokenizer is then made anew, with them plain.
    special = [*_SPECIAL_PIECES, *(f"##{character}" for character in _inner_characters(tokenizer, texts))]
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    learned = Tokenizer(models.WordPiece(tokenizer.get_vocab(), unk_token="[UNK]"))
    learned.normalizer, learned.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    return _wrap_tokenizer(learned, max_length)


def _inner_characters(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """The characters that stand in a word after its first."""
    words = {word for text in texts for word in tokenizer.normalizer.normalize_str(text).split()}
    parts = {part for word in words for part, _ in tokenizer.pre_tokenizer.pre_tokenize_str(word)}
    return sorted({character for part in parts for character in part[1:]})


def _wrap_tokenizer(tokenizer: Any, max_length: int) -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    assert cls is not None and sep is not None
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL_PIECES, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **names)
