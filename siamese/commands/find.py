"""Find the pictures of a folder that are nearest to a picture."""

import argparse
import json
import sys
from pathlib import Path

from siamese.commands import add_model_flags, load, parser_of, run
from siamese.commands.contact_sheet import Section, write_sheet
from siamese.commands.pictures import APPROXIMATE, check_any, names_from_stdin, pictures_of, say_left_out
from siamese.commands.tables import print_table
from siamese.config import readable
from siamese.evaluation.calibration import percent


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese find`; each states its default."""
    parser = parser_of("find", __doc__)
    parser.add_argument("query", metavar="QUERY", help="an image file, or - for a list of them on stdin, a line each")
    parser.add_argument("folder", metavar="FOLDER", help="pictures to search, at any depth; - for a list of files on stdin")
    parser.add_argument("--top", type=int, default=10, help="how many pictures to name, at least 1 (default: 10)")
    parser.add_argument("--threshold", type=float, help="largest distance called same (default: the model's own)")
    add_model_flags(parser)
    parser.add_argument("--html", metavar="FILE", help="also write a page that shows the pictures, with nothing beside it")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(find, build_parser().parse_args(argv))


def find(arguments: argparse.Namespace) -> None:
    """`find QUERY FOLDER`: the nearest pictures, with their distances, and which of them show the same."""
    if arguments.query == arguments.folder == "-":
        raise ValueError("QUERY and FOLDER are both -, and there is one stdin: name one of them")
    if arguments.top < 1:
        raise ValueError(f"--top is {arguments.top}, allowed: at least 1")
    queries = names_from_stdin() if arguments.query == "-" else [arguments.query]
    verifier = load(arguments)
    verifier.check_images("siamese find")
    pictures = pictures_of([arguments.folder])
    if pictures.are_named:
        raise ValueError(f"{arguments.folder!r} is not a folder; to compare two pictures: siamese compare A B")

    from siamese.embedded_files import embed_files
    from siamese.gallery import Gallery

    looks = [verifier.look(query) for query in queries]  # first, since a mistake in them is found soon
    found = embed_files(verifier, pictures.files, progress=True)
    say_left_out([*pictures.left_out, *found.left_out])
    check_any(found)
    gallery = Gallery(verifier)  # each picture is a class of its own
    gallery.enrol_all([str(number) for number in range(len(found.files))], found.embeddings)
    if gallery.make_index_for(len(queries)):
        print(APPROXIMATE, file=sys.stderr)
    results = []
    for query, look in zip(queries, looks, strict=True):
        nearest = gallery.identify_embedding(look.embedding, arguments.threshold, arguments.top + 1)
        matches = [(found.files[int(match.name)], match) for match in nearest.matches]
        matches = [(file, match) for file, match in matches if not _is_one_file(file, query)][: arguments.top]
        results.append((query, look, nearest.threshold, matches))
    show(arguments, verifier.name, len(found.files), results)


def show(arguments: argparse.Namespace, model: str, searched: int, results: list) -> None:
    """Print what was found, and write the page of it."""
    if arguments.html:
        sections = [_section(query, matches, threshold) for query, _, threshold, matches in results]
        write_sheet(Path(arguments.html), "Nearest pictures", sections)
    if arguments.json:
        answers = [
            {
                "query": readable(query),
                "is_familiar": look.is_familiar,
                "remark": look.remark,
                "threshold": threshold,
                "matches": [
                    {
                        "file": readable(str(file)),
                        "distance": match.distance,
                        "probability_same": match.probability_same,
                        "is_same": match.distance <= threshold,
                    }
                    for file, match in matches
                ],
            }
            for query, look, threshold, matches in results
        ]
        print(json.dumps({"model": model, "searched": searched, "results": answers}))
        return
    names, rows, same = ("query", "distance#", "verdict", "file"), [], []
    for query, look, threshold, matches in results:
        if look.is_familiar is False or look.remark:
            print(f"note: {query} {look.remark or 'is unlike anything this model knows'}: not sure", file=sys.stderr)
        for file, match in matches:
            same += [len(rows)] * (match.distance <= threshold)
            rows.append((query, f"{match.distance:.4f}", _words(match, threshold), str(file)))
    if len(results) == 1:
        names, rows = names[1:], [row[1:] for row in rows]
    nearest = f"Nearest to {results[0][0]}" if len(results) == 1 else "Nearest"
    print_table(names, rows, same, f"{nearest} of {searched:,} pictures, model {model}, threshold {results[0][2]:.4f}")
    if arguments.html:
        print(f"wrote {arguments.html}", file=sys.stderr)


def _section(query: str, matches: list, threshold: float) -> Section:
    found = [
        (file, f"{_words(match, threshold)}, distance {match.distance:.4f}: {file}", match.distance <= threshold)
        for file, match in matches
    ]
    return Section(f"Nearest to {query}", [(Path(query), f"the query: {query}", False), *found])


def _words(match, threshold: float) -> str:
    probability = match.probability_same
    return f"same, {percent(probability)}" if match.distance <= threshold else f"different, {percent(1 - probability)}"


def _is_one_file(file: Path, query: str) -> bool:
    try:
        return file.samefile(query)
    except OSError:
        return False
