"""Groups of options that several procedures share: flags, YAML keys and field names are one and the same.

Nothing here imports torch. The string under a field is its help.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, ClassVar, Literal

_FORBID_UNKNOWN = {"extra": "forbid"}
_NO_TEMPERATURE = ("mse", "auto")
"""Soft terms that --kd_temp has no part in."""


def check(rule: str, **values: float) -> None:
    """Refuses the values that break a rule, and those that are no finite number."""
    tests = {
        "positive": lambda x: x > 0,
        "at least 0": lambda x: x >= 0,
        "at least 1": lambda x: x >= 1,
        "from 0 to below 1": lambda x: 0 <= x < 1,
        "from 0 to 1": lambda x: 0 <= x <= 1,
        "above 0 and at most 1": lambda x: 0 < x <= 1,
    }
    for name, value in values.items():
        if not (isfinite(value) and tests[rule](value)):
            raise ValueError(f"--{name} must be {rule}, got {value}")


@dataclass(kw_only=True)
class OutputOptions:
    """Where a run goes, and how it starts over or goes on."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    output_dir: str
    """Folder of the run: the best model, its report and metrics, checkpoints."""
    overwrite_output_dir: bool = False
    """Empty an output folder that holds something."""
    resume: bool = False
    """Go on from the last complete checkpoint in the output folder; without one, begin."""

    def __post_init__(self) -> None:
        if self.resume and self.overwrite_output_dir:
            raise ValueError("--resume goes on with what --overwrite_output_dir empties; keep one")


@dataclass(kw_only=True)
class CorpusOptions:
    """Where the labelled corpus is, and what of it is used."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    data_dir: str
    """Folder of the corpus, or the id of a hub data set."""
    dev_fraction: float = 0.0
    """Without a dev file: share of the labelled training rows to set aside as one."""
    train_fraction: float = 1.0
    """Share of the training rows to keep, drawn at random; the others are dropped."""
    train_examples: int = 0
    """Number of training rows to keep, drawn at random; 0: all."""
    subset_seed: int = 0
    """Seed of that draw, apart from `seed`: teacher and student keep the same rows of the same file."""

    def __post_init__(self) -> None:
        check("from 0 to below 1", dev_fraction=self.dev_fraction)
        check("above 0 and at most 1", train_fraction=self.train_fraction)
        check("at least 0", train_examples=self.train_examples, subset_seed=self.subset_seed)
        if self.train_fraction < 1 and self.train_examples:
            raise ValueError("--train_fraction and --train_examples both say what to keep of train; keep one")


@dataclass(kw_only=True)
class TrainingOptions:
    """How long and how fast a model learns."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    epochs: float = 10.0
    """Passes over the training rows, at most."""
    max_steps: int = 0
    """Stop after so many steps; 0: after `epochs`."""
    batch_size: int = 16
    """Rows of a batch, on each device."""
    gradient_accumulation: int = 1
    """Batches whose gradients are added up before a step."""
    lr: float = 1e-3
    """Learning rate at its peak."""
    lr_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls after warm-up."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises (below 1), or their number."""
    weight_decay: float = 0.0
    """AdamW's weight decay."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm; 0: never."""
    patience: int = 0
    """Stop after so many evaluations on dev without a better score; 0: never."""
    save_steps: int = 0
    """Steps between evaluations and checkpoints; 0: each epoch."""
    logging_steps: int = 50
    """Steps between entries of the log; the end of each epoch is one too."""
    seed: int = 42
    """Seed of weights, order and dropout."""
    cuda: bool = True
    """Use the GPU where there is one."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of training; auto: the fastest the device has for transformers, fp32 for small models."""

    def __post_init__(self) -> None:
        check("positive", lr=self.lr, epochs=self.epochs)
        check("at least 1", batch_size=self.batch_size, gradient_accumulation=self.gradient_accumulation)
        check("at least 1", logging_steps=self.logging_steps)
        if self.seed >= 2**32:
            raise ValueError(f"--seed must be below 4294967296, got {self.seed}")
        at_least_zero = ("max_steps", "warmup", "weight_decay", "max_grad_norm", "patience", "save_steps", "seed")
        check("at least 0", **{name: getattr(self, name) for name in at_least_zero})


@dataclass(kw_only=True)
class TransformerOptions(TrainingOptions):
    """The transformer that is fine-tuned, or trained from nothing."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_name_or_path: str | None = None
    """Checkpoint to start from: a folder or a hub id."""
    max_seq_len: int | None = None
    """Pieces in a window, special ones included. By default what the checkpoint takes, at most 512."""
    from_scratch: bool = False
    """No checkpoint: train a small BERT, and its WordPiece tokenizer, on the corpus alone."""
    hidden_size: int = 128
    """From scratch: width of the layers."""
    n_layers: int = 2
    """From scratch: number of layers."""
    n_heads: int = 4
    """From scratch: attention heads of a layer."""
    vocab_size: int = 8000
    """From scratch: pieces of the tokenizer, at most."""
    lowercase: bool = False
    """From scratch: the tokenizer ignores case and accents."""
    epochs: float = 8.0
    """Passes over the training rows, at most."""
    batch_size: int = 32
    """Rows of a batch, on each device."""
    lr: float = 1e-4
    """Learning rate at its peak."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    patience: int = 2
    """Stop after so many evaluations on dev without a better score; 0: never."""

    def __post_init__(self) -> None:
        TrainingOptions.__post_init__(self)
        if self.from_scratch == (self.model_name_or_path is not None):
            raise ValueError("give either --model_name_or_path CHECKPOINT or --from_scratch")
        for name in ("hidden_size", "n_layers", "n_heads", "vocab_size", "lowercase"):
            if not self.from_scratch and getattr(self, name) != getattr(TransformerOptions, name):
                raise ValueError(f"--{name} is of --from_scratch; a checkpoint has its own, leave it out")
        check("at least 1", hidden_size=self.hidden_size, n_layers=self.n_layers, n_heads=self.n_heads)
        if self.hidden_size % self.n_heads:
            raise ValueError(
                f"--hidden_size must be a multiple of --n_heads, got {self.hidden_size} and {self.n_heads}"
            )
        if self.max_seq_len is not None:
            check("at least 1", max_seq_len=self.max_seq_len)
        if self.vocab_size < 100:
            raise ValueError(f"--vocab_size must be at least 100, got {self.vocab_size}")


@dataclass(kw_only=True)
class SmallModelOptions:
    """The small model itself."""

    size: Literal["nano", "small", "base"] = "small"
    """How large the model may be: at most 1, 3 or 10 million parameters, embeddings counted. It says what you do not:
    model_type, max_vocab, sizes of config_file. nano hashes its words."""
    config_file: str | None = None
    """YAML or JSON file with sizes of the model (word_width, lstm_width, dropout, ...); see the page of the model."""
    embedding_file: str | None = None
    """Pretrained word vectors: a text file of word2vec, GloVe or fastText."""
    min_word_count: int = 1
    """Words seen less often than this in training share the unknown word's vector."""
    max_vocab: int | None = None
    """Words of the vocabulary at most, the most frequent first; what is cut is counted. By default 20000 for small,
    30000 for base, fewer where the size leaves no room."""
    lowercase: bool = True
    """Word vectors ignore case; characters and shapes still see it."""
    normalize_digits: bool = True
    """Word vectors see each digit as 0."""
    max_word_length: int = 20
    """Characters that a word shows at most: its beginning and its end."""
    word_dropout: float = 0.25
    """Share of the words whose vector is replaced by the unknown word's in training; of hashed words, by that of random
    buckets."""
    freeze_epochs: float = 0.0
    """Epochs at the beginning in which word vectors stay as they began."""

    def __post_init__(self) -> None:
        check("at least 1", min_word_count=self.min_word_count)
        if self.max_vocab is not None:
            check("at least 1", max_vocab=self.max_vocab)
        check("from 0 to below 1", word_dropout=self.word_dropout)
        check("at least 0", freeze_epochs=self.freeze_epochs)
        if self.max_word_length < 2:
            raise ValueError(f"--max_word_length must be at least 2, got {self.max_word_length}")


@dataclass(kw_only=True)
class TeacherOptions:
    """The teacher, and what is learnt from it."""

    teacher_model_path: str
    """The teacher: a folder or hub id of any checkpoint for the task, or a folder of a small model of ours."""
    teacher_max_seq_len: int | None = None
    """Pieces in the teacher's window; by default what its checkpoint takes, at most 512."""
    teacher_precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the teacher's pass; auto: the fastest the device has."""
    cache_dir: str | None = None
    """Folder of stored teacher outputs; by default nlparch in the user's cache folder."""
    label_map: str | None = None
    """YAML or JSON file, `teacher label: student label`, or `teacher label: null` to drop it: where labels differ."""
    init_embeddings: Literal["auto", "random", "teacher"] = "auto"
    """Where word vectors begin: at random, or with what the teacher makes of each word read alone; auto: with a
    transformer as teacher, the latter."""
    baseline: bool = False
    """Also train the undistilled student, the same model on gold alone, in `baseline/` of the output folder, and report
    it beside the distilled one."""
    kd_temp: float | None = None
    """Temperature of the KL divergences; by default 1."""
    kd_dist_w: float = 1.0
    """Weight of the soft term: the teacher's outputs."""
    kd_student_w: float = 1.0
    """Weight of the hard term: gold labels and pseudo-labels."""
    kd_temp_end: float | None = None
    """Temperature at the last step; by default it does not move."""
    kd_dist_w_end: float | None = None
    """Weight of the soft term at the last step; by default it does not move."""
    kd_student_w_end: float | None = None
    """Weight of the hard term at the last step; by default it does not move."""
    kd_ramp: Literal["linear", "cosine"] = "linear"
    """How what moves gets from its beginning to its end: evenly, or slowly at both ends."""
    kd_loss_fn: Literal["kl", "kl-std", "dkd", "mse"] = "mse"
    """Soft term: KL divergence of the distributions, of the distributions of standardised logits, or decoupled into the
    teacher's best label and the others; or the squared error of the logits."""
    dkd_alpha: float = 1.0
    """dkd: weight of the teacher's best label against all others."""
    dkd_beta: float = 1.0
    """dkd: weight of the other labels among themselves."""

    def __post_init__(self) -> None:
        if self.cache_dir == "":
            raise ValueError("--cache_dir is empty; name a folder, or leave it out")
        self._check_temperatures()
        self._check_ends()
        if (self.dkd_alpha, self.dkd_beta) != (1, 1) and self.kd_loss_fn != "dkd":
            raise ValueError("--dkd_alpha and --dkd_beta are of --kd_loss_fn dkd; add it, or leave them out")
        check("at least 0", dkd_alpha=self.dkd_alpha, dkd_beta=self.dkd_beta)
        if self.dkd_alpha + self.dkd_beta == 0:
            raise ValueError("--dkd_alpha and --dkd_beta must not both be 0: the soft term would be")
        if self.teacher_max_seq_len is not None:
            check("at least 1", teacher_max_seq_len=self.teacher_max_seq_len)
        check("at least 0", kd_dist_w=self.kd_dist_w, kd_student_w=self.kd_student_w)
        if not (self.kd_dist_w or self.kd_dist_w_end) and self.kd_loss_fn != type(self).kd_loss_fn:
            raise ValueError("--kd_loss_fn is of the soft term, and --kd_dist_w 0 turns that off; leave one out")
        if self.kd_dist_w + self.kd_student_w == 0:
            raise ValueError("--kd_dist_w and --kd_student_w must not both be 0: nothing would be learnt")

    def _check_temperatures(self) -> None:
        for name in ("kd_temp", "kd_temp_end"):
            value = getattr(self, name)
            if value is not None:
                check("positive", **{name: value})
                if self.kd_loss_fn in _NO_TEMPERATURE:
                    what = f"--{name} {value} has no part in --kd_loss_fn {self.kd_loss_fn}"
                    raise ValueError(f"{what}; add --kd_loss_fn kl")

    def _check_ends(self) -> None:
        names = ("kd_temp_end", "kd_dist_w_end", "kd_student_w_end")
        ends = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        check("at least 0", **ends)
        if ends.get("kd_dist_w_end", self.kd_dist_w) + ends.get("kd_student_w_end", self.kd_student_w) == 0:
            raise ValueError("the weights of both terms must not both end at 0: nothing would be learnt")
        if self.kd_ramp != "linear" and not ends:
            raise ValueError(f"--kd_ramp {self.kd_ramp} is for what moves; add --kd_dist_w_end or another end")


@dataclass(kw_only=True)
class AugmentOptions:
    """New rows made of the training rows, before the teacher reads them all."""

    augment: int = 0
    """New rows made of each training row for the teacher to label; 0: none."""
    augment_kinds: tuple[str, ...] = ()
    """How they are made."""

    def __post_init__(self) -> None:
        check("at least 0", augment=self.augment)
        if not self.augment_kinds or len(set(self.augment_kinds)) < len(self.augment_kinds):
            raise ValueError(f"--augment_kinds must name some kinds, each once, got {' '.join(self.augment_kinds)}")
        if not self.augment and self.augment_kinds != type(self).augment_kinds:
            raise ValueError("--augment_kinds is for --augment; add it, or leave it out")


@dataclass(kw_only=True)
class UnlabeledOptions:
    """Raw text that the teacher labels."""

    unlabeled_filename: tuple[str, ...]
    """Raw text, one text a line, column files without tags, or tables of texts: files, folders, patterns, hub data
    sets."""
    unlabeled_column: str | None = None
    """Column of a hub data set (or table of texts) that holds the raw text; by default the usual names are tried."""
    pseudo_threshold: float = 0.0
    """Probability below which the teacher's tag or label is no pseudo-label; the soft term still sees it."""
    weight_by_confidence: bool = False
    """Pseudo-labels count as much as the probability that the teacher gives them, words of the soft term as that of its
    best tag."""
    calibrate_teacher: bool = False
    """Fit a temperature on dev, so that the teacher's probabilities are as high as it is right; it acts on
    pseudo_threshold and weight_by_confidence."""
    unlabeled_ratio: float | None = None
    """Raw rows for each gold row in an epoch, drawn anew each time; by default all of them."""
    schedule: Literal["joint", "staged"] = "joint"
    """joint: raw and gold rows together in each epoch; staged: raw ones first, gold ones last."""
    gold_share: float = 0.2
    """staged: share of the training, at its end, that reads gold rows."""

    def __post_init__(self) -> None:
        check("from 0 to below 1", pseudo_threshold=self.pseudo_threshold)
        if self.calibrate_teacher and not (self.pseudo_threshold or self.weight_by_confidence):
            raise ValueError("--calibrate_teacher is for --pseudo_threshold and --weight_by_confidence; add one")
        if self.unlabeled_ratio is not None:
            check("positive", unlabeled_ratio=self.unlabeled_ratio)
        if not 0 < self.gold_share < 1:
            raise ValueError(f"--gold_share must be between 0 and 1, got {self.gold_share}")
        if self.gold_share != 0.2 and self.schedule == "joint":
            raise ValueError("--gold_share is of --schedule staged; add it, or leave it out")
        if self.schedule == "staged" and self.unlabeled_ratio is not None:
            raise ValueError("--unlabeled_ratio mixes what --schedule staged keeps apart; keep one")
        if not self.unlabeled_filename:
            raise ValueError("--unlabeled_filename must name at least one file")
        self._check_lesson()

    def _check_lesson(self: Any) -> None:
        if self.schedule == "staged" and self.patience:
            raise ValueError("--patience could end --schedule staged before it comes to gold rows; leave one out")
        if self.pseudo_threshold and not (self.kd_student_w or self.kd_student_w_end):
            raise ValueError(
                "--pseudo_threshold is of the hard term, and --kd_student_w 0 turns that off; leave one out"
            )

    def check_gold(self: Any, *of_gold: type[Any], but: Collection[str] = ()) -> None:
        """Refuses what needs gold, where there is none.

        Args:
            of_gold: groups of options about the labelled corpus.
            but: those of them that say something of raw text too.
        """
        if self.data_dir is not None:
            return
        if self.unlabeled_ratio is not None:
            raise ValueError("--unlabeled_ratio is per gold row: it needs a --data_dir")
        if self.baseline:
            raise ValueError("--baseline trains a student on gold alone: it needs a --data_dir")
        if self.schedule == "staged":
            raise ValueError("--schedule staged ends with gold rows: it needs a --data_dir")
        for field in (field for group in of_gold for field in fields(group) if field.name not in {"data_dir", *but}):
            if getattr(self, field.name) != field.default:
                raise ValueError(f"--{field.name} is about the labelled corpus: it needs a --data_dir")
