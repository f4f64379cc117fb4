"""A transformer that has learnt nothing: it reads as fast, and takes as much memory, as one that has."""

import subprocess
import sys
from pathlib import Path

CORPUS = Path(__file__).parent.parent / "examples" / "corpus"


def save_random_teacher(folder: Path, *, hidden_size: int, n_layers: int, n_heads: int) -> str:
    """Saves a tagger of random weights, made in a process of its own: what it takes is not the caller's; tells where.

    Args:
        folder: to save it in.
        hidden_size: of its layers.
        n_layers: layers.
        n_heads: attention heads of each.
    """
    command = ["transformer_token", "--data_dir", str(CORPUS), "--output_dir", str(folder), "--from_scratch"]
    # The smallest step that there is: nothing is learnt.
    command += ["--max_steps", "1", "--lr", "1e-9", "--hidden_size", str(hidden_size)]
    command += ["--n_layers", str(n_layers), "--n_heads", str(n_heads)]
    code = "import sys; from nlparch.cli import train; sys.exit(train())"
    subprocess.run([sys.executable, "-c", code, *command], check=True, stdout=subprocess.DEVNULL)
    return str(folder)
