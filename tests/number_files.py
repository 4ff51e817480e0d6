"""Real tables and sequences for tests: scikit-learn's wine and digits, as people keep such data."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits, load_wine

WINE, DIGITS = load_wine(), load_digits()


def wine_table(path: Path, rows: slice = slice(None), **changes) -> Path:
    """The wines as a CSV or Parquet file with a column `class`; `changes` are columns that are added or replaced."""
    frame = pd.DataFrame(WINE.data, columns=WINE.feature_names)
    frame["class"] = WINE.target_names[WINE.target]
    for name, values in changes.items():
        frame[name] = values
    frame = frame.iloc[rows]
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def profiles(count: int = 120) -> tuple[list[np.ndarray], list[str]]:
    """Sequences of real digits: how much ink there is in each row and column of a picture, (8, 2); and their classes."""
    values = [np.stack([image.sum(axis=1), image.sum(axis=0)], axis=1) for image in DIGITS.images[:count]]
    return values, [str(label) for label in DIGITS.target[:count]]


def class_folders(folder: Path, count: int = 120) -> Path:
    """Those sequences as files of all kinds in class folders."""
    for place, (values, label) in enumerate(zip(*profiles(count), strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        file = folder / label / f"{place:03}"
        if place % 3 == 0:
            np.save(file.with_suffix(".npy"), values)
        elif place % 3 == 1:
            np.savetxt(file.with_suffix(".csv"), values, delimiter=",", header="rows,columns", comments="")
        else:
            file.with_suffix(".json").write_text(str(values.tolist()))
    return folder


def long_table(path: Path, count: int = 120) -> Path:
    """Those sequences as a table with a row for each step, in no order."""
    values, labels = profiles(count)
    rows = [
        (place, label, step, *numbers)
        for place, (each, label) in enumerate(zip(values, labels, strict=True))
        for step, numbers in enumerate(each.tolist())
    ]
    frame = pd.DataFrame(rows, columns=["series", "label", "time", "rows", "columns"])
    frame.sample(frac=1, random_state=0).to_csv(path, index=False)
    return path


def list_table(path: Path, count: int = 120, **more) -> Path:
    """Those sequences as a Parquet file with a row for each, whose columns are lists; `more` are further columns."""
    values, labels = profiles(count)
    columns = {"rows": [each[:, 0].tolist() for each in values], "columns": [each[:, 1].tolist() for each in values]}
    pd.DataFrame({**columns, "label": labels, **more}).to_parquet(path)
    return path
