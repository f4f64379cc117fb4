"""The model card of an exported folder."""

from collections.abc import Iterator, Mapping
from typing import Any

from nlparch.runtime.config import RuntimeConfig


def write_export_card(metrics: Mapping[str, Any], *, name: str, config: RuntimeConfig) -> str:
    """A `README.md` for an exported folder.

    Args:
        metrics: what stands in its `metrics.json`.
        name: of the folder.
        config: what stands in its `config.json`.
    """
    reads_texts = config.text_task is not None
    kind, what = ("text", "text classifier") if reads_texts else ("token", "tagger")
    first = '("Some text.", "Another.")' if config.has_pairs else '"Some text."'
    parts = [
        f"---\nlibrary_name: nlparch\npipeline_tag: {kind}-classification\ntags: [onnx]\n---",
        f"# {name}",
        f"A {what} exported by `nlp-export`: {metrics['form']}, {config.n_parameters:,} parameters, "
        f"{metrics['bytes'] / 1e6:.1f} MB. It reads raw text as words with the splitter `{config.splitter}`.",
        "## Labels",
        ", ".join(f"`` {tag} ``" if "`" in tag else f"`{tag}`" for tag in config.labels),
    ]
    parts += ["## Scores", "\n".join(_score_lines(metrics["dev"]))] if "dev" in metrics else []
    parts += [
        "## Use",
        f'```python\nfrom nlparch.runtime import load_model\n\nmodel = load_model("{name}")\n'
        f"print(model.predict([{first}])[0].to_dict())\n```",
        f"```sh\nnlp-serve {name}\n```\n",
    ]
    return "\n\n".join(parts)


def _score_lines(dev: Mapping[str, Any]) -> Iterator[str]:
    label = "F1" if dev["score"] == "f1" else dev["score"].replace("_", " ")
    yield f"| form | dev {label} |"
    yield "| --- | ---: |"
    yield f"| torch, fp32 | {dev['torch_fp32']:.4f} |"
    yield f"| ONNX, fp32 | {dev['onnx_fp32']:.4f} |"
    for name, score in dev["attempts"].items():
        if name != "fp32":
            yield f"| ONNX, {name} | {score:.4f} |"
    yield ""
    scored = f"In batches of 1 the shipped form scores {dev['batch_1']:.4f}, in batches of 32 {dev['batch_32']:.4f}"
    if dev["agreement_of_batches"] is None:  # numbers are never quite the same
        yield f"{scored}."
        return
    what = "words change their tag" if dev["unit"] == "words" else "texts change their labels"
    yield (
        f"{scored}; {1 - dev['agreement_of_batches']:.3%} of {dev['n']:,} {what} between the two. "
        f"It agrees with the trained model on {dev['agreement_with_torch']:.2%} of the {dev['unit']}."
    )
