"""What the commands run: one file a procedure, each with ``run(options)``; the options stand in ``options.py``."""

if __name__ != "nlparch.procedures":
    raise ImportError(f"import nlparch.procedures, not {__name__}: a second name would load a second copy")

from nlparch.procedure import Procedure

_HERE = "nlparch.procedures"

PROCEDURES = (
    Procedure(
        name="transformer_token",
        options=f"{_HERE}.options:TransformerTokenOptions",
        run=f"{_HERE}.transformer_token:run",
        summary="fine-tune a transformer that tags words",
    ),
    Procedure(
        name="transformer_text",
        options=f"{_HERE}.text_options:TransformerTextOptions",
        run=f"{_HERE}.transformer_text:run",
        summary="fine-tune a transformer that classifies texts, or pairs of them",
    ),
    Procedure(
        name="tagger",
        options=f"{_HERE}.options:TaggerOptions",
        run=f"{_HERE}.tagger:run",
        summary="train a small tagger on gold tags alone",
    ),
    Procedure(
        name="tagger_kd",
        options=f"{_HERE}.options:TaggerKdOptions",
        run=f"{_HERE}.tagger_kd:run",
        summary="train a small tagger on gold tags and a teacher's outputs",
    ),
    Procedure(
        name="tagger_kd_pseudo",
        options=f"{_HERE}.options:TaggerKdPseudoOptions",
        run=f"{_HERE}.tagger_kd_pseudo:run",
        summary="train a small tagger on a teacher's outputs for raw text too, with gold tags or without",
    ),
    Procedure(
        name="classifier",
        options=f"{_HERE}.text_options:ClassifierOptions",
        run=f"{_HERE}.classifier:run",
        summary="train a small text classifier on gold labels alone",
    ),
    Procedure(
        name="classifier_kd",
        options=f"{_HERE}.text_options:ClassifierKdOptions",
        run=f"{_HERE}.classifier_kd:run",
        summary="train a small text classifier on gold labels and a teacher's outputs",
    ),
    Procedure(
        name="classifier_kd_pseudo",
        options=f"{_HERE}.text_options:ClassifierKdPseudoOptions",
        run=f"{_HERE}.classifier_kd_pseudo:run",
        summary="train a small text classifier on a teacher's outputs for raw text too, with gold labels or without",
    ),
    Procedure(
        name="transformer_token",
        options=f"{_HERE}.model_options:InferenceOptions",
        run=f"{_HERE}.inference:run_transformer_token",
        summary="tag raw text or column files with a transformer",
        command="inference",
    ),
    Procedure(
        name="tagger",
        options=f"{_HERE}.model_options:InferenceOptions",
        run=f"{_HERE}.inference:run_tagger",
        summary="tag raw text or column files with a small tagger",
        command="inference",
    ),
    Procedure(
        name="transformer_text",
        options=f"{_HERE}.model_options:TextInferenceOptions",
        run=f"{_HERE}.text_inference:run_transformer_text",
        summary="classify texts, or pairs of them, with a transformer",
        command="inference",
    ),
    Procedure(
        name="classifier",
        options=f"{_HERE}.model_options:TextInferenceOptions",
        run=f"{_HERE}.text_inference:run_classifier",
        summary="classify texts, or pairs of them, with a small classifier",
        command="inference",
    ),
    Procedure(
        name="eval",
        options=f"{_HERE}.model_options:EvalOptions",
        run=f"{_HERE}.evaluate:run",
        summary="score a saved model on a labelled file",
        command="eval",
        positional=("model_dir", "data_file"),
    ),
    Procedure(
        name="export",
        options=f"{_HERE}.model_options:ExportOptions",
        run=f"{_HERE}.export:run",
        summary="export a model to a folder that predicts and serves without torch",
        command="export",
        positional=("model_dir", "output_dir"),
    ),
    Procedure(
        name="bench",
        options=f"{_HERE}.model_options:BenchOptions",
        run=f"{_HERE}.bench:run",
        summary="measure models: score, size, speed, latency, memory, start",
        command="bench",
        positional=("model_dirs",),
    ),
    Procedure(
        name="serve",
        options="nlparch.server.options:ServeOptions",
        run="nlparch.server.serve:run",
        summary="serve exported models over HTTP",
        command="serve",
        positional=("model_dirs",),
        extra="server",
    ),
)
