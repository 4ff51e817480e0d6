"""Folders whose classes a list names: the same classes as from class folders, whatever the list is called."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from siamese.data.class_lists import Layout, part_of
from siamese.data.class_tree import read_tree


def flat(folder: Path, target: Path) -> list[dict[str, str]]:
    """All images of class folders in one folder, and the rows that say what they are, in no order."""
    target.mkdir()
    rows = []
    for number, file in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        name = f"{number:03}-{file.name}"
        shutil.copy(file, target / name)
        rows.append({"file": name, "label": file.parent.name})
    return rows[::-1]


def write_csv(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def contents(folder: Path, layout: Layout = Layout()) -> dict[str, list[bytes]]:  # noqa: B008
    return {name: [file.read_bytes() for file in files] for name, files in read_tree(folder, layout).classes.items()}


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv", "metadata.jsonl"])
def test_classes_are_those_of_class_folders(digit_folder, tmp_path, name):
    rows = flat(digit_folder, tmp_path / "flat")
    if name == "labels.csv":
        write_csv(tmp_path / "flat" / name, rows)
    elif name == "metadata.csv":
        write_csv(tmp_path / "flat" / name, [{"file_name": row["file"], "text": "x", "label": row["label"]} for row in rows])
    else:
        lines = [json.dumps({"file_name": row["file"], "label": row["label"], "box": [1, 2]}) for row in rows]
        (tmp_path / "flat" / name).write_text("\n".join(lines))
    assert contents(tmp_path / "flat") == contents(digit_folder)


def test_lists_of_parts_are_read_as_one_or_alone(digit_folder, tmp_path):
    (tmp_path / "flat").mkdir()
    for part, labels in (("train", "0123"), ("test", "456")):
        rows = []
        (tmp_path / "flat" / part).mkdir()
        for label in labels:
            for file in sorted((digit_folder / f"digit {label}").iterdir()):
                shutil.copy(file, tmp_path / "flat" / part / f"{label}-{file.name}")
                rows.append({"file_name": f"{label}-{file.name}", "label": f"digit {label}"})
        write_csv(tmp_path / "flat" / part / "metadata.csv", rows)
    everything = contents(digit_folder)
    assert contents(tmp_path / "flat") == everything
    assert contents(tmp_path / "flat", Layout(part="test")) == {f"digit {i}": everything[f"digit {i}"] for i in "456"}
    with pytest.raises(ValueError, match="has no images in a part 'dev', allowed: test, train"):
        read_tree(tmp_path / "flat", Layout(part="dev"))
    parts = read_tree(tmp_path / "flat").parts
    assert {name: set(found) for name, found in parts.items()} == {
        f"digit {i}": {"train" if i < 4 else "test"} for i in range(7)
    }


def test_what_cannot_be_used_is_named(digit_folder, tmp_path):
    rows = flat(digit_folder, tmp_path / "flat")
    unlisted = rows.pop()
    rows += [{"file": "gone.png", "label": "digit 1"}, {"file": "../digits/digit 0/0.png", "label": "digit 0"}]
    rows.append({"file": rows[0]["file"], "label": ""})
    write_csv(tmp_path / "flat" / "labels.csv", rows)
    tree = read_tree(tmp_path / "flat")
    assert [(file.name, reason) for file, reason in tree.unread] == [
        ("gone.png", "it is listed in labels.csv and not there")
    ]
    assert "1 row of labels.csv without a class, left out" in tree.remarks
    assert "1 row of labels.csv with files of other folders, left out" in tree.remarks
    assert unlisted["file"] not in {file.name for files in tree.classes.values() for file in files}


@pytest.mark.parametrize(
    ("header", "layout", "message"),
    [
        ("file_name,species,category", Layout(), "several columns may be the class; name one with --label-column, "
         "allowed: category, species"),
        ("file_name,caption,note", Layout(), "no column is called as the class; name one with --label-column, "
         "allowed: caption, note"),
        ("file_name,species,note", Layout(label_column="genus"), "no column 'genus' (--label-column), allowed: species"),
        ("file_name,label", Layout(image_column="photo"), "no column 'photo' (--image-column), allowed: file_name, label"),
        ("x,y,label", Layout(), "no column is called as the file; name one with --image-column, allowed: x, y, label"),
    ],
)  # fmt: skip
def test_columns_that_are_not_clear_are_asked_for(digit_folder, tmp_path, header, layout, message):
    rows = flat(digit_folder, tmp_path / "flat")
    names = header.split(",")
    write_csv(tmp_path / "flat" / "metadata.csv", [dict.fromkeys(names, "a") | {names[0]: row["file"]} for row in rows])
    with pytest.raises(ValueError, match=re.escape(message)):
        read_tree(tmp_path / "flat", layout)


def test_the_column_that_is_named_is_taken(digit_folder, tmp_path):
    rows = flat(digit_folder, tmp_path / "flat")
    rows = [{"photo": row["file"], "Genus": (row["label"][-1] in "02468" and "even") or "odd", **row} for row in rows]
    write_csv(tmp_path / "flat" / "labels.csv", rows)
    classes = read_tree(tmp_path / "flat", Layout("genus", "photo")).classes
    assert {name: len(files) for name, files in classes.items()} == {"even": 16, "odd": 12}


def test_a_damaged_list_is_refused(digit_folder, tmp_path):
    flat(digit_folder, tmp_path / "flat")
    (tmp_path / "flat" / "metadata.jsonl").write_text('{"file_name": "000-0.png", "label": "a"}\n[1]\n')
    with pytest.raises(ValueError, match="is not a file of JSON, an object a line: it is no object"):
        read_tree(tmp_path / "flat")


def test_names_of_parts():
    names = ("train", "Training set", "val", "validation", "dev", "test", "evaluation", "hold-out", "trains", "cats", "")
    assert [part_of(name) for name in names] == [
        "training", "training", "validation", "validation", "validation", "test", "test", "test", "", "", "",
    ]  # fmt: skip


def test_a_list_that_is_about_something_else_leaves_class_folders_as_they_are(digit_folder):
    before = contents(digit_folder)
    (digit_folder / "metadata.csv").write_text("file_name,weight,height\ndigit 0/0.png,1,2\n")
    tree = read_tree(digit_folder)
    assert contents(digit_folder) == before
    assert "the folders are the classes, and not what a list says: " in tree.remarks[0]
    with pytest.raises(ValueError, match="no column 'genus'"):
        read_tree(digit_folder, Layout("genus"))
