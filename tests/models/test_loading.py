import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

TEXTS = ["Ann Lee flew to New Delhi.", "", "  ", "Who is Zoé-Ann?", "🙂 Nothing  happened\tin Oslo, said Bo", "x"]
CODE = """
import json, sys
from nlparch.models.loading import load_word_tagger
folders, texts = json.loads(sys.argv[1])
found = [load_word_tagger(folder).predict(texts) for folder in folders]
print(json.dumps([[prediction.to_dict() for prediction in predictions] for predictions in found]))
"""


def test_saved_models_predict_the_same_in_a_fresh_process(
    new_tagger: Any, new_transformer: Any, tmp_path: Path
) -> None:
    models = [
        new_tagger(),
        new_tagger(use_crf=True, splitter="social"),
        new_tagger(embedder="id-cnn", n_blocks=2),
        new_transformer(),
    ]
    for number, model in enumerate(models):
        with torch.no_grad():
            model.get_parameter("classifier.weight" if hasattr(model, "classifier") else "head.weight").mul_(8)
        model.save_pretrained(tmp_path / str(number))
    argument = json.dumps([[str(tmp_path / str(number)) for number in range(len(models))], TEXTS])
    done = subprocess.run([sys.executable, "-c", CODE, argument], capture_output=True, text=True, check=True)
    expected = [[prediction.to_dict() for prediction in model.predict(TEXTS)] for model in models]
    assert json.loads(done.stdout) == expected
    assert any(prediction["entities"] for predictions in expected for prediction in predictions)
