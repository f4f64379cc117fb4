"""Model cards."""

from collections.abc import Sequence

from nlparch.report.markdown import score_table
from nlparch.report.material import Metrics


def write_card(metrics: Metrics, *, name: str, tags: Sequence[str], is_small: bool, splitter: str | None = None) -> str:
    """The model card of a tagger: a `README.md` for its folder.

    Args:
        metrics: what stands in `metrics.json`.
        name: of the model's folder.
        tags: the tags it gives.
        is_small: whether it is a `NeuralTagger` and not a transformer.
        splitter: how it makes raw text into words.
    """
    kind = "NeuralTagger" if is_small else "TransformerTokenClassifier"
    procedure = "tagger" if is_small else "transformer_token"
    return "\n\n".join(
        [
            "---\nlibrary_name: nlparch\npipeline_tag: token-classification\n---",
            f"# {name}",
            _description(metrics, kind, n_tags=len(tags), splitter=splitter),
            "## Labels",
            ", ".join(f"`` {tag} ``" if "`" in tag else f"`{tag}`" for tag in tags),
            "## Scores",
            score_table(metrics),
            "Scores are fractions of 1; `report.md` has them type by type, and says how the model was made.",
            "## Use",
            f'```python\nfrom nlparch import {kind}\n\nmodel = {kind}.from_pretrained("{name}")\n'
            'print(model.predict(["Some text."])[0].to_dict())\n```',
            f"```sh\nnlp-inference {procedure} --model_dir {name} --data_file texts.txt\n```\n",
        ]
    )


def _description(metrics: Metrics, kind: str, *, n_tags: int, splitter: str | None) -> str:
    size = f"A small tagger (`{kind}` of nlparch" if kind == "NeuralTagger" else f"A transformer (`{kind}` of nlparch"
    size += f", {metrics['n_parameters']:,} parameters)" if "n_parameters" in metrics else ")"
    sentences = [f"{size} that gives each word one of {n_tags} tags, trained by `nlp-train {metrics['procedure']}`."]
    if "teacher" in metrics:
        sentences.append(f"Its teacher has {metrics['teacher']['n_parameters']:,} parameters.")
    if splitter is not None:
        sentences.append(f"It reads raw text as words with the splitter `{splitter}`.")
    if kind != "NeuralTagger":
        sentences.append("The transformers library loads it with `AutoModelForTokenClassification` as well.")
    return " ".join(sentences)
