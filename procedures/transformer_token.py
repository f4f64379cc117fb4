"""Fine-tune a transformer that tags words."""

from collections.abc import Iterable, Sequence
from typing import Any

from nlparch.data.labels import LabelSet
from nlparch.models.transformer_token import TransformerTokenClassifier

from . import runs
from .options import TransformerTokenOptions

_SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def run(options: TransformerTokenOptions) -> None:
    """Fine-tunes a checkpoint, or trains a small one from scratch, and reports its scores."""
    run = runs.begin_seeded(options)
    corpus = runs.load_data(options, run)
    train_rows = corpus.splits["train"]
    splitter = runs.pick_splitter(options, run, train_rows["words"])
    if options.from_scratch:
        model = new_transformer(options, corpus.labels, train_rows["words"])
        model.config.splitter = splitter
    else:
        model = TransformerTokenClassifier.from_pretrained(
            options.model_name_or_path, labels=corpus.labels, splitter=splitter, max_length=options.max_seq_len
        )
    device = runs.choose_device(options)
    precision = runs.choose_precision(options.precision, device)
    if n_unseen := model.n_unseen_words(train_rows["words"]):
        run.note(f"{n_unseen} training words have no pieces: they take part in no loss")
    runs.train(options, run, model, train_rows, corpus, precision=precision)
    runs.score_splits(run, model, corpus, precision=precision)
    runs.finish(options, run, "transformer_token")


def new_transformer(
    options: TransformerTokenOptions, labels: LabelSet, sentences: Iterable[Sequence[str]]
) -> TransformerTokenClassifier:
    """A small BERT with random weights, and a WordPiece tokenizer trained on the sentences."""
    from transformers import BertConfig

    max_length = options.max_seq_len or 256
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
        id2label=dict(enumerate(labels.tags)),
        label2id=labels.ids,
    )
    return TransformerTokenClassifier.from_config(config, tokenizer)


def train_tokenizer(sentences: Iterable[Sequence[str]], *, vocab_size: int, lowercase: bool, max_length: int) -> Any:
    """A WordPiece tokenizer in BERT's manner, trained on sentences of words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=list(_SPECIAL_PIECES), show_progress=False
    )
    tokenizer.train_from_iterator((" ".join(words) for words in sentences), trainer)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL_PIECES, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **names)
