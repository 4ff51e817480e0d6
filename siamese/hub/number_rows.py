"""The rows of a dataset of the Hub that hold numbers become one Parquet file, which is read as a table here is.

They come as a stream, a few at a time. Of columns that hold neither numbers, nor texts, nor lists of numbers, their names
alone are kept, so that whoever reads the table can say that they are not used.
"""

from pathlib import Path

from tqdm import tqdm

from siamese.config import one_line, shorten
from siamese.data.class_lists import LABEL_COLUMNS, PART_COLUMN
from siamese.data.own_images import LABEL_FILE, TABLE_FILE, HubChoices
from siamese.inputs.cells import MOST_NUMBERS
from siamese.inputs.parquet import NO_NUMBER, depth_of, is_number, is_plain

ROWS_AT_ONCE, LISTS_AT_ONCE = 5000, 64  # rows that are in memory, and those where what they hold may be large
LONGEST_TEXT = 200  # characters of a cell that are kept


def holds_numbers(features: dict, are_texts: bool) -> bool:
    """Whether there is a column of numbers or of lists of them; `are_texts`: numbers may be written as texts, as in CSV."""
    import pyarrow as pa

    kinds = {_kind_of(feature) for feature in features.values()} - {None}
    return bool(kinds if are_texts else kinds - {pa.string()})


def _kind_of(feature: object):
    """The type of Arrow that a column of a table here has; None of what is no number and no text."""
    import datasets
    import pyarrow as pa

    if isinstance(feature, datasets.ClassLabel):
        return pa.string()
    if isinstance(feature, datasets.Array2D):
        return pa.list_(pa.list_(pa.float64()))
    kind = datasets.Features({"column": feature}).arrow_schema.field("column").type
    if depth := depth_of(kind):
        return pa.list_(pa.float64()) if depth == 1 else pa.list_(pa.list_(pa.float64()))
    if is_number(kind):
        return pa.float64()
    return pa.string() if is_plain(kind) and not hasattr(feature, "decode") else None


def write_numbers(repo_id: str, parts: dict, features: dict, choices: HubChoices, folder: Path) -> None:
    """Write the rows of all `parts` into `folder`: TABLE_FILE, and LABEL_FILE with the name of the column of classes.

    Raises ValueError where it is not clear which column that is, a column is not there, or there are too many numbers.
    """
    import pyarrow as pa
    from pyarrow import parquet

    label = choose_label(repo_id, features, choices)
    kinds = {name: _kind_of(feature) for name, feature in features.items()}
    has_own_parts = len(parts) == 1 and any(name.lower() == PART_COLUMN for name in features)
    names = [name for name in features if has_own_parts or name.lower() != PART_COLUMN]
    fields = [(name, kinds[name] or pa.string()) for name in names]
    schema = pa.schema(fields if has_own_parts else [*fields, (PART_COLUMN, pa.string())])
    are_large = any(kind is None or pa.types.is_nested(kind) for kind in kinds.values())
    count = 0
    with parquet.ParquetWriter(folder / TABLE_FILE, schema) as file:
        for part, rows in parts.items():
            wanted = rows.select_columns([name for name in names if kinds[name] is not None]).with_format("arrow")
            batches = wanted.iter(LISTS_AT_ONCE if are_large else ROWS_AT_ONCE)
            for table in tqdm(batches, f"reading {part}", leave=False, unit=" batches", disable=None):
                columns = [_column(repo_id, table, name, features[name], kinds[name]) for name in names]
                columns += [] if has_own_parts else [pa.array([part] * len(table))]
                count += sum(map(_cells_of, columns))
                if count > MOST_NUMBERS:
                    raise ValueError(
                        f"{repo_id} has more than {MOST_NUMBERS:,} cells, and a table may not; --dataset-split takes one "
                        f"part alone, of {', '.join(parts)}"
                    )
                file.write_table(pa.table(columns, schema))
    if not count:
        raise ValueError(f"{repo_id} has no rows")
    (folder / LABEL_FILE).write_text(label, encoding="utf-8")


def choose_label(repo_id: str, features: dict, choices: HubChoices) -> str:
    """The column of the classes: the one given, the only one that is made for it, is called so, or is of texts.

    Raises ValueError where there is none or several, or where a column that is named is not there.
    """
    names = ", ".join(features)
    for option in ("label_column", "series_column", "time_column"):
        if (given := getattr(choices, option)) and given not in features:
            raise ValueError(f"{repo_id} has no column {shorten(given)} (--{option.replace('_', '-')}), allowed: {names}")
    if choices.label_column:
        if not _may_be_class(features[choices.label_column]):
            allowed = ", ".join(name for name, feature in features.items() if _may_be_class(feature))
            raise ValueError(f"column {choices.label_column} of {repo_id} names no classes, allowed: {allowed}")
        return choices.label_column
    others = {name: each for name, each in features.items() if name not in (choices.series_column, choices.time_column)}
    others = {name: feature for name, feature in others.items() if _may_be_class(feature) and name.lower() != PART_COLUMN}
    found = [name for name, feature in others.items() if hasattr(feature, "names")]
    found = found or [name for name in others if name.lower() in LABEL_COLUMNS]
    found = found or [name for name, feature in others.items() if "string" in str(getattr(feature, "dtype", ""))]
    if len(found) == 1:
        return found[0]
    why = "several columns of which each may be the one" if found else "no column that is sure to be the one"
    allowed = ", ".join(found or others) or names
    raise ValueError(f"{repo_id} has {why} that names the class of a row; name it with --label-column: {allowed}")


def _may_be_class(feature: object) -> bool:
    import pyarrow as pa

    kind = _kind_of(feature)
    return kind is not None and not pa.types.is_nested(kind)


def _column(repo_id: str, table, name: str, feature: object, kind):
    """A column of a batch as it is to be written."""
    import pyarrow as pa
    from pyarrow import compute

    if kind is None:
        return pa.array([NO_NUMBER] * len(table))
    try:
        column = table.column(name).combine_chunks()
        column = column.storage if hasattr(column, "storage") else column
        if hasattr(feature, "names") and is_number(column.type):
            return _names_of(column, feature.names)
        column = column.cast(kind, safe=False)
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(
            f"column {shorten(name)} of {repo_id} is not of one kind in all rows: {one_line(str(error))}"
        ) from error
    return compute.utf8_slice_codeunits(column, 0, LONGEST_TEXT) if pa.types.is_string(kind) else column


def _names_of(numbers, names: list[str]):
    """The names of classes; nothing where a row has none, as -1 or nothing says."""
    import pyarrow as pa

    return pa.array(
        [names[number] if number is not None and 0 <= number < len(names) else None for number in numbers.to_pylist()],
        pa.string(),
    )


def _cells_of(column) -> int:
    while hasattr(column, "flatten") and hasattr(column.type, "value_type"):
        column = column.flatten()
    return len(column)
