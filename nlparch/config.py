"""Options from YAML and JSON files, strictly, and back.

A file is a flat mapping from field names to values. Values have the types the fields say: nothing is converted but
integers, and text such as ``5e-4`` (YAML 1.1 reads that as text), where a float is asked for. A line a user has to
mend is named in the error.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from nlparch.errors import UserError
from nlparch.names import nearest

OptionsT = TypeVar("OptionsT")


class ConfigError(UserError):
    """A value in a file that the options do not allow; the message begins with the file, its line and the key."""


@dataclass(frozen=True)
class _Entry:
    key: str
    value: object
    place: str


def load(cls: type[OptionsT], path: str | Path) -> OptionsT:
    """Options from a file.

    Args:
        cls: A dataclass.
        path: A JSON file (``.json``) or a YAML file (any other name).

    Raises:
        ConfigError: The file cannot be read, or says what the options do not allow.
    """
    return build(cls, read_values(cls, path), source=str(path))


def build(cls: type[OptionsT], values: Mapping[str, Any], *, source: str) -> OptionsT:
    """Options from checked values.

    Args:
        cls: A dataclass.
        values: Values by field name.
        source: Where they come from, for messages.

    Raises:
        ConfigError: A required value is missing, or ``__post_init__`` refuses the values together.
    """
    if missing := [name for name in required(cls) if name not in values]:
        raise ConfigError(f"{source}: required and not given: {', '.join(missing)}")
    try:
        return cls(**values)
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from error


def required(cls: type[Any]) -> list[str]:
    """The names of the fields without a default."""
    return [field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING]


def read_values(cls: type[Any], path: str | Path) -> dict[str, Any]:
    """The values a file gives, each checked against its field; fields it leaves out are left out.

    Raises:
        ConfigError: The file cannot be read, or has an unknown key or a value of the wrong type.
    """
    hints = get_type_hints(cls, include_extras=True)
    kinds = {field.name: hints[field.name] for field in fields(cls) if field.init}
    values: dict[str, Any] = {}
    for entry in _read(Path(path)):
        if entry.key not in kinds:
            near, switch = nearest(entry.key, kinds), entry.key.removeprefix("no_")
            hint = f"did you mean {near}?" if near else f"known: {', '.join(sorted(kinds))}"
            if switch != entry.key and kinds.get(switch) is bool:  # the flag that turns it off
                hint = f"write {switch}: false"
            raise ConfigError(f"{entry.place}: {entry.key}: no such option; {hint}")
        if entry.key in values:
            raise ConfigError(f"{entry.place}: {entry.key}: given twice; keep one")
        values[entry.key] = _check(kinds[entry.key], entry)
    return values


def dump(options: Any) -> str:
    """YAML that ``load`` reads back to equal options, each value under its field's docstring as a comment."""
    docs = field_docs(type(options))
    tree = TypeAdapter(type(options)).dump_python(options, mode="json")
    blocks = [_comment(docs.get(name, "")) + _to_yaml({name: value}) for name, value in tree.items()]
    return "".join(blocks)


def _to_yaml(tree: dict[str, Any]) -> str:
    # PyYAML writes these as line breaks unless it escapes all that is not ASCII.
    is_plain = not any(mark in json.dumps(tree, ensure_ascii=False, default=str) for mark in "\x85\u2028\u2029\ufeff")
    return str(yaml.safe_dump(tree, allow_unicode=is_plain, sort_keys=False, width=1000))


def field_docs(cls: type[Any]) -> dict[str, str]:
    """The docstring below each field of a dataclass and its bases, by field name."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError):  # made at run time: there is no source
            continue
        docs.update(_docs_below(tree.body[0]))
    return docs


def _docs_below(node: ast.stmt) -> Iterator[tuple[str, str]]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    for field, below in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
                yield field.target.id, inspect.cleandoc(below.value.value)


def _comment(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), 118)
    return "".join(f"# {line}\n" for line in lines)


def _check(kind: Any, entry: _Entry) -> Any:
    # JSON mode is pydantic's one strict mode that takes lists for tuples; it takes no text for floats, hence two tries.
    adapter = TypeAdapter(kind)
    try:
        return adapter.validate_json(_to_json(entry.value), strict=True)
    except ValidationError as error:
        refused = error
    try:
        return adapter.validate_json(_to_json(_read_floats(entry.value, refused)), strict=True)
    except ValidationError:
        first = refused.errors()[0]
        key = ".".join(map(str, (entry.key, *_path(entry.value, first["loc"]))))
        rule = first["msg"].removeprefix("Input ")
        raise ConfigError(f"{entry.place}: {key}: {rule}, got {first['input']!r}") from refused


def _to_json(value: object) -> str:
    return json.dumps(value, default=str)  # str: YAML makes dates of texts that look like one


def _read_floats(value: Any, refused: ValidationError) -> Any:
    """The value with texts such as ``5e-4`` made floats where a float was asked for."""
    for error in refused.errors():
        if error["type"] == "float_type" and isinstance(error["input"], str):
            value = _with_float(value, _path(value, error["loc"]))
    return value


def _with_float(value: Any, path: list[int | str]) -> Any:
    if path:
        changed = copy(value)
        changed[path[0]] = _with_float(value[path[0]], path[1:])
        return changed
    try:
        return float(value)
    except ValueError:  # no number at all: the complaint about it stands
        return value


def _path(value: Any, loc: tuple[int | str, ...]) -> list[int | str]:
    """The steps of pydantic's error location that lead into the value; others name a union's member."""
    path: list[int | str] = []
    for step in loc:
        leads_in = step in value if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int)
        if leads_in:
            path.append(step)
            value = value[step]
    return path


def _read(path: Path) -> list[_Entry]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be UTF-8: {error}") from error
    return _read_json(text, str(path)) if path.suffix == ".json" else _read_yaml(text, str(path))


def _read_json(text: str, name: str) -> list[_Entry]:
    try:
        # Pairs, not a dict: a dict would hide a key that is given twice.
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name}:{error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(pairs, _Pairs):
        raise ConfigError(f"{name}: must be a mapping from option to value, got {text.strip()[:40]!r}")
    return [_Entry(key, _plain(value), name) for key, value in pairs]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as read."""


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(item) for key, item in value}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _read_yaml(text: str, name: str) -> list[_Entry]:
    try:
        return _yaml_entries(yaml.SafeLoader(text), text, name)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{name}{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {' '.join(str(error).split())}") from error


def _yaml_entries(loader: yaml.SafeLoader, text: str, name: str) -> list[_Entry]:
    node = loader.get_single_node()
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{name}: must be a mapping from option to value, got {text.strip()[:40]!r}")
    return [
        _Entry(
            str(loader.construct_object(key, deep=True)),
            loader.construct_object(value, deep=True),
            f"{name}:{key.start_mark.line + 1}",
        )
        for key, value in node.value
    ]
