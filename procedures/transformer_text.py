"""Fine-tune a transformer that classifies texts, or pairs of them."""

from typing import Any

from nlparch.data.text_labels import PROBLEM_TYPES
from nlparch.data.text_tables import gold_column, texts_of
from nlparch.data.texts import TextCorpus
from nlparch.models.transformer_text import TransformerTextClassifier

from . import runs
from .cuts import cut_notes
from .text_options import TransformerTextOptions
from .transformer_token import new_transformer


def run(options: TransformerTextOptions) -> None:
    """Fine-tunes a checkpoint, or trains a small one from scratch, and reports its scores."""
    run = runs.begin_seeded(options)
    corpus = runs.load_texts(options, run)
    rows = runs.gold_rows(run, corpus)
    model = new_model(options, corpus, rows)
    precision = runs.choose_precision(options.precision, runs.choose_device(options))
    for name, split in corpus.splits.items():
        run.note(*cut_notes(model, texts_of(split), name, "--long_texts windows reads all"))
    prepared = runs.prepare(options, run, rows, corpus, precision=precision)
    runs.train(options, run, model, rows, corpus, prepared)
    runs.score_splits(run, model, corpus, precision=precision)
    runs.finish(options, run, "transformer_text")


def new_model(options: TransformerTextOptions, corpus: TextCorpus, rows: Any) -> TransformerTextClassifier:
    """The checkpoint with a head for the corpus's labels, or a small one with random weights."""
    texts = texts_of(rows)
    bias = corpus.labels.log_odds(rows[gold_column(corpus.labels.task)])
    has_pairs = bool(texts) and not isinstance(texts[0], str)
    if options.model_name_or_path is not None:
        return TransformerTextClassifier.from_pretrained(
            options.model_name_or_path,
            labels=corpus.labels,
            max_length=options.max_seq_len,
            long_texts=options.long_texts,
            settings={"has_pairs": has_pairs},
            head_bias=bias,
        )
    sentences = ([text] if isinstance(text, str) else text for text in texts)
    config, tokenizer = new_transformer(options, sentences, corpus.labels.names)
    config.problem_type = PROBLEM_TYPES[corpus.labels.task]
    config.long_texts = options.long_texts
    config.has_pairs = has_pairs
    return TransformerTextClassifier.from_config(config, tokenizer, head_bias=bias)
