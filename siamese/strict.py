"""Reading what others wrote, strictly, and saying in plain words what is wrong with it."""

import dataclasses
import json
import os
import re
import sys
import types
import typing
from collections import Counter
from pathlib import Path
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError also where a name occurs twice, since readers differ in which of the two counts."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        names = dict(pairs)
        if len(names) < len(pairs):
            twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
            raise ValueError(f"the name {shorten(twice)} occurs twice")
        return names

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def from_dict(cls: type, raw: Any, where: str) -> Any:
    """Build dataclass `cls` from parsed JSON, strictly; `where` names the place for error messages."""
    if not isinstance(raw, dict):
        raise ValueError(f"{where} must be an object, not {type(raw).__name__}")
    known = typing.get_type_hints(cls)
    unknown = sorted(set(raw) - set(known))
    optional = {item.name for item in dataclasses.fields(cls) if item.metadata.get("optional")}
    missing = sorted(set(known) - set(raw) - optional)
    if unknown:
        raise ValueError(f"{where} has unknown keys {shorten(unknown)}, allowed: {', '.join(known)}")
    if missing:
        raise ValueError(f"{where} lacks the keys {', '.join(missing)}")
    before = {item.name: item.metadata["before"] for item in dataclasses.fields(cls) if "before" in item.metadata}
    given = {name: _parse(kind, raw[name], f"{where}: {name}") for name, kind in known.items() if name in raw}
    return cls(**(before | given))


def _parse(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, types.UnionType):  # X | None
        return None if value is None else _parse(typing.get_args(kind)[0], value, where)
    if dataclasses.is_dataclass(kind):
        return from_dict(kind, value, where)
    if typing.get_origin(kind) is tuple and type(value) is list:
        item = typing.get_args(kind)[0]
        return tuple(_parse(item, entry, f"{where}[{index}]") for index, entry in enumerate(value))
    if kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if kind is not float and type(value) is kind:  # type(), since bool is a subclass of int
        return value
    names = {float: "a finite number", int: "a whole number", str: "text", bool: "true or false"}
    raise ValueError(f"{where} is {shorten(value)}, allowed: {names.get(kind, 'a list')}")


def check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, allowed: {low} to {high}")


def check_choice(name: str, value: Any, choices: typing.Iterable[Any]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {shorten(value)}, allowed: {', '.join(str(choice) for choice in choices)}")


def shorten(value: Any) -> str:
    """A value as an error message shows it: on one line, at most 100 characters."""
    return one_line(repr(value), 100)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 image", "2 images"; `many` where that is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def readable(text: str) -> str:
    """A name of a file as text that can be written anywhere: bytes that are no UTF-8 become "\\xfc" and the like."""
    return re.sub("[\ud800-\udfff]", lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def folder_name(place: str | Path) -> str:
    """The name of a folder or file as it was given, a link by its own, fit to be written anywhere."""
    return readable(Path(os.path.abspath(place)).name)  # the rest of the path is nobody's business


def one_line(text: str, longest: int = 300) -> str:
    """Text that others wrote, fit for an error message: on one line, without control characters, and short."""
    text = readable(text[: 4 * longest])
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
