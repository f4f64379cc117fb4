"""Taggers: corpora with their targets, levers, and what is run of them."""

from recipes import Corpus, Lever, lever

# Where no raw text fits, there is time to read the gold more often.
_LONGER = ("tagger+epochs-20", "tagger_kd+epochs-20")
_OTHERS = ("corpus:conll2000/train.txt", "corpus:ewt_pos/train.txt")
CORPORA = {
    "btc": Corpus(folder="btc", target=0.96, raw=("tweets/unlabeled.txt",)),
    "bc5cdr": Corpus(folder="bc5cdr", target=0.97, teacher_epochs=4, raw=("pubmed/unlabeled.txt",)),
    "uner_ewt": Corpus(folder="uner_ewt", target=0.93, teacher_epochs=3, raw=("youtube/unlabeled.txt", *_OTHERS)),
    "snips": Corpus(folder="snips", target=0.99, teacher_epochs=4, students=_LONGER),
    "conll2000": Corpus(folder="conll2000", target=0.99, teacher_epochs=3, students=_LONGER),
    "ewt_pos": Corpus(
        folder="ewt_pos",
        target=0.99,
        measure="accuracy",
        teacher_epochs=3,
        raw=("youtube/unlabeled.txt", "corpus:conll2000/train.txt"),
    ),
    "wnut17": Corpus(
        folder="wnut17", target=0.85, raw=("tweets/unlabeled.txt", "youtube/unlabeled.txt", "corpus:btc/train.txt")
    ),
    "btc-300": Corpus(
        folder="btc",
        target=1.0,
        teacher_epochs=30,
        teacher_flags=("--patience", "5"),
        flags=("--train_examples", "300"),
        raw=("tweets/unlabeled.txt", "corpus:btc/train.txt"),
    ),
}
LITTLE_GOLD = ("btc-300",)
LEVERS = {
    "softmax": lever("--no_use_crf"),
    "no-context": lever(sentence_context=False),
    "cnn-lstm": lever("--model_type", "cnn-lstm"),
    "nano": lever("--size", "nano"),
    "base": lever("--size", "base"),
    "kl": lever("--kd_loss_fn", "kl"),
    "kl-2": lever("--kd_loss_fn", "kl", "--kd_temp", "2"),
    "kl-std": lever("--kd_loss_fn", "kl-std", "--kd_temp", "2"),
    "dkd": lever("--kd_loss_fn", "dkd"),
    "dkd-8": lever("--kd_loss_fn", "dkd", "--dkd_beta", "8"),
    "mse": lever("--kd_loss_fn", "mse"),
    "soft-only": lever("--kd_student_w", "0"),
    "soft-3": lever("--kd_dist_w", "3"),
    "random-words": lever("--init_embeddings", "random"),
    "entity-3": lever("--entity_weight", "3"),
    "no-word-dropout": lever("--word_dropout", "0"),
    "word-dropout-.1": lever("--word_dropout", "0.1"),
    "no-affixes": lever(affix_width=0, shape_width=0),
    "freeze-1": lever("--freeze_epochs", "1"),
    "moving": lever("--kd_dist_w_end", "0.2"),
    "augment-1": lever("--augment", "1"),
    "staged": lever("--schedule", "staged"),
    "threshold-.9": lever("--pseudo_threshold", "0.9"),
    "weighted": lever("--weight_by_confidence"),
    "sentences-.9": lever("--pseudo_threshold", "0.9", "--confidence_level", "sentence"),
    "ratio-1": lever("--unlabeled_ratio", "1"),
    "cooling": lever("--kd_loss_fn", "kl", "--kd_temp", "4", "--kd_temp_end", "1"),
    "calibrated": lever("--weight_by_confidence", "--calibrate_teacher"),
    "more-text": Lever(raw={"btc": _OTHERS, "uner_ewt": ("tweets/unlabeled.txt",)}),
    "lr-5e-4": lever("--lr", "5e-4"),
    "lr-2e-3": lever("--lr", "2e-3"),
    "lr-3e-3": lever("--lr", "3e-3"),
    "batch-8": lever("--batch_size", "8"),
    "batch-32": lever("--batch_size", "32"),
    "cosine": lever("--lr_schedule", "cosine"),
    "less-dropout": lever(input_dropout=0.2, hidden_dropout=0.1),
    "blocks-2": lever(n_blocks=2),
    "filters-128": lever(n_filters=128),
    "epochs-2": lever("--epochs", "2"),
    "epochs-6": lever("--epochs", "6"),
    "epochs-20": lever("--epochs", "20"),
}
STUDENTS = (
    "tagger",
    "tagger_kd",
    "tagger_kd_pseudo",
    "tagger_kd+nano",
    "tagger_kd_pseudo+nano",
)
# Share of the teacher's test score that the smallest student is to keep.
NANO_TARGETS = {"btc": 0.90, "snips": 0.97}
ABLATION_BASE = "tagger_kd"
_RAW = "tagger_kd_pseudo+epochs-2"
# Recipe: what it is compared with, and what it changes.
ABLATIONS = {
    **{
        f"{ABLATION_BASE}+{name}": (ABLATION_BASE, told)
        for name, told in {
            "cnn-lstm": "BiLSTM in place of convolutions",
            "softmax": "softmax in place of the CRF",
            "kl": "KL in place of MSE",
            "kl-std": "KL of standardised logits",
            "dkd": "decoupled KL",
            "random-words": "word vectors begin at random",
            "entity-3": "entities count three times",
            "no-word-dropout": "no word dropout",
            "no-affixes": "no affixes, no shapes",
            "no-context": "convolutions see their neighbours alone",
            "filters-128": "128 filters in place of 192",
            "freeze-1": "word vectors frozen for an epoch",
            "moving": "weight of the soft term falls to 0.2",
            "augment-1": "augmented: one more of each sentence",
            "random-words+no-affixes+no-word-dropout+no-context": "none of the four levers that are on",
            "base": "size base",
        }.items()
    },
    f"{ABLATION_BASE}+cooling": (f"{ABLATION_BASE}+kl", "temperature of the KL falls from 4 to 1"),
    _RAW: (ABLATION_BASE, "raw text"),
    **{
        f"{_RAW}+{name}": (_RAW, told)
        for name, told in {
            "staged": "raw text first, gold last",
            "threshold-.9": "pseudo-labels from 0.9",
            "sentences-.9": "pseudo-labels of sentences from 0.9",
            "ratio-1+epochs-6": "a raw sentence for each gold one, drawn anew, as many steps",
            "weighted": "weighted by confidence",
            "calibrated": "weighted by calibrated confidence",
            "more-text": "more raw text, of another kind",
        }.items()
    },
}
ABLATION_CORPORA = ("btc", "uner_ewt")
# Of these the defaults are chosen, by their mean gain on dev.
VARIANTS = (
    "tagger_kd",
    "tagger_kd+filters-128",
    "tagger_kd+filters-128+softmax",
    "tagger_kd+filters-128+no-context",
    "tagger_kd+filters-128+softmax+no-context",
    "tagger_kd+softmax+cnn-lstm",
    "tagger_kd+less-dropout",
    "tagger_kd+word-dropout-.1",
    "tagger_kd+batch-32+lr-2e-3",
    "tagger_kd+epochs-20",
)
QUICK = ("crf", "teacher", "tagger+epochs-6", "tagger_kd+epochs-6")
