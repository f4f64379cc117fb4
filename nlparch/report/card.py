"""Model cards."""

from collections.abc import Sequence

from nlparch.data.text_labels import TextTask
from nlparch.report.markdown import score_table
from nlparch.report.material import Metrics

_KINDS = {
    "NeuralTagger": ("tagger", "token-classification", "A small tagger", "gives each word one of {n} tags"),
    "TransformerTokenClassifier": (
        "transformer_token", "token-classification", "A transformer", "gives each word one of {n} tags",
    ),
    "NeuralTextClassifier": ("classifier", "text-classification", "A small classifier", "{asked}"),
    "TransformerTextClassifier": ("transformer_text", "text-classification", "A transformer", "{asked}"),
}  # fmt: skip
"""Of each kind of model: the procedure that trains it, the task's name on the hub, what it is, what it does."""
_ASKED: dict[TextTask, str] = {
    "one_label": "gives each text one of {n} labels",
    "multi_label": "gives each text those of {n} labels that hold",
    "regression": "gives each text a number",
}


def write_card(
    metrics: Metrics,
    *,
    name: str,
    labels: Sequence[str],
    kind: str,
    task: TextTask = "one_label",
    splitter: str | None = None,
) -> str:
    """The model card of a tagger or a text classifier: a `README.md` for its folder.

    Args:
        metrics: what stands in `metrics.json`.
        name: of the model's folder.
        labels: the tags or labels it gives.
        kind: the class of nlparch that loads it.
        task: of a text classifier.
        splitter: how it makes raw text into words; None where that does not matter.
    """
    procedure, pipeline, _, _ = _KINDS[kind]
    return "\n\n".join(
        [
            f"---\nlibrary_name: nlparch\npipeline_tag: {pipeline}\n---",
            f"# {name}",
            _description(metrics, kind, task, n=len(labels), splitter=splitter),
            *(["## Labels", ", ".join(map(_code, labels))] if task != "regression" else []),
            "## Scores",
            score_table(metrics),
            "Scores are fractions of 1; `report.md` has them one by one, and says how the model was made.",
            "## Use",
            f'```python\nfrom nlparch import {kind}\n\nmodel = {kind}.from_pretrained("{name}")\n'
            'print(model.predict(["Some text."])[0].to_dict())\n```',
            f"```sh\nnlp-inference {procedure} --model_dir {name} --data_file texts.txt\n```\n",
        ]
    )


def _code(label: str) -> str:
    return f"`` {label} ``" if "`" in label else f"`{label}`"


def _description(metrics: Metrics, kind: str, task: TextTask, *, n: int, splitter: str | None) -> str:
    _, _, what, does = _KINDS[kind]
    size = f", {metrics['n_parameters']:,} parameters" if "n_parameters" in metrics else ""
    doing = does.format(n=n, asked=_ASKED[task].format(n=n))
    sentences = [f"{what} (`{kind}` of nlparch{size}) that {doing}, trained by `nlp-train {metrics['procedure']}`."]
    if "teacher" in metrics:
        sentences.append(f"Its teacher has {metrics['teacher']['n_parameters']:,} parameters.")
    if metrics.get("temperature", 1.0) != 1:
        sentences.append(
            f"Its probabilities are calibrated: logits are divided by {metrics['temperature']:.3f}, fitted on "
            "dev (`calibration_temperature` in `config.json`); whoever reads the logits has to divide them too."
        )
    if splitter is not None:
        sentences.append(f"It reads raw text as words with the splitter `{splitter}`.")
    if kind == "TransformerTokenClassifier":
        sentences.append("The transformers library loads it with `AutoModelForTokenClassification` as well.")
    if kind == "TransformerTextClassifier":
        sentences.append("The transformers library loads it with `AutoModelForSequenceClassification` as well.")
    return " ".join(sentences)
