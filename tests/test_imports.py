"""The directions of imports that DESIGN.md draws, read from the source: nothing is imported to check them."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlparch

ROOT = Path(__file__).parents[1]
FOLDERS = [folder for folder in ("nlparch", "procedures", "server") if (ROOT / folder).is_dir()]
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
HEAVY = ("torch", "transformers", "accelerate")
MODELS = ("nlparch.models", "nlparch.training", "nlparch.report")

# A folder or module, and what it must not import, not even inside a function.
FORBIDDEN = {
    "nlparch": ("nlparch.procedures", "nlparch.server", "procedures", "server"),
    "nlparch/config.py": (*HEAVY, "nlparch.data", "nlparch.nn", "nlparch.distill", *MODELS),
    "nlparch/data": (*HEAVY, "nlparch.nn", "nlparch.distill", *MODELS),
    "nlparch/nn": ("nlparch.distill", *MODELS),
    "nlparch/distill": MODELS,
    "nlparch/models": ("nlparch.training", "nlparch.report"),
    "nlparch/runtime": (*HEAVY, "nlparch.nn", "nlparch.distill", *MODELS),
    "procedures": ("nlparch.server", "server", "nlparch.procedures"),
    "procedures/options.py": (*HEAVY, "datasets", "pydantic", "numpy", "nlparch.nn", "nlparch.distill", *MODELS),
    "server": (*HEAVY, "nlparch.nn", "nlparch.distill", *MODELS, "nlparch.procedures", "nlparch.server"),
}


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of what a module imports, those for type checkers only left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imported(node)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_imports_only_what_lies_below_it(path):
    names = list(imported(ast.parse(path.read_text("utf-8"))))
    for place, forbidden in FORBIDDEN.items():
        if relative(path) == place or relative(path).startswith(f"{place}/"):
            bad = [name for name in names for root in forbidden if f"{name}.".startswith(f"{root}.")]
            assert not bad, f"{place} must not import {bad}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_folder_of_modules_is_a_package(path):
    assert (path.parent / "__init__.py").exists()


def test_the_data_folder_imports_nothing_of_its_own_accord():
    assert not list(imported(ast.parse((ROOT / "nlparch/data/__init__.py").read_text("utf-8"))))


def test_only_the_command_line_knows_tyro_and_prints():
    for path in MODULES:
        tree = ast.parse(path.read_text("utf-8"))
        if path.name != "cli.py":
            assert not [name for name in imported(tree) if name.startswith("tyro")], path
        if relative(path).startswith("nlparch/") and path.name != "cli.py":
            assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "print"], path


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    "module",
    [
        "nlparch",
        "nlparch.procedures",
        "nlparch.procedures.options",
        "nlparch.cli",
        "nlparch.procedure",
        "nlparch.server.options",
    ],
)
def test_the_front_rooms_import_nothing_heavy(module):
    heavy = {"torch", "transformers", "datasets", "numpy", "pydantic"}
    assert run(f"import sys, {module}; print({heavy!r} & set(sys.modules))") == "set()\n"


def test_the_data_folder_loads_no_torch():
    names = [f"nlparch.data.{path.stem}" for path in (ROOT / "nlparch/data").glob("*.py") if path.stem != "__init__"]
    assert run(f"import sys, {', '.join(names)}; print({set(HEAVY)!r} & set(sys.modules))") == "set()\n"


@pytest.mark.parametrize("name", nlparch.__all__)
def test_a_public_name_is_there(name):
    assert name in dir(nlparch)
    assert getattr(nlparch, name)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'nlparch' has no attribute 'NoSuchThing'"):
        nlparch.NoSuchThing  # noqa: B018


def test_the_mapped_folders_refuse_a_second_name():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\ntry: import procedures\nexcept ImportError as e: print(e)"
    assert run(code).startswith("import nlparch.procedures, not procedures")
