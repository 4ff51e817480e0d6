"""Where a model comes from: a folder, the Hugging Face Hub, or the weights that come with the package."""

from pathlib import Path

from siamese.checkpoint import BUNDLED_WEIGHTS, CONFIG_FILE, DEFAULT_BUNDLED


def bundled_models() -> dict[str, Path]:
    """The folders of the models that come with the package, by name, the default first."""
    folders = sorted(path.parent for path in BUNDLED_WEIGHTS.glob(f"*/{CONFIG_FILE}"))
    return {folder.name: folder for folder in sorted(folders, key=lambda folder: folder.name != DEFAULT_BUNDLED)}


def locate_model(source: str | Path | None, revision: str | None = None) -> tuple[Path, str]:
    """The local folder of a model and its name in words: a folder, a bundled model by name, a Hub repository (downloaded).

    None is the default bundled model; of a folder and a bundled model of one name, the folder is meant. Raises ValueError
    where it cannot be had; a HubError among them where the Hub is the reason.
    """
    bundled = bundled_models()
    if source is None:
        source = BUNDLED_WEIGHTS / DEFAULT_BUNDLED
    elif source in bundled and revision is None and not Path(source).is_dir():
        source = bundled[source]
    if Path(source).is_dir():
        folder = Path(source).resolve()
        return Path(source), f"{folder.name} (bundled)" if folder.parent == BUNDLED_WEIGHTS.resolve() else folder.name
    if not isinstance(source, str) or source.count("/") != 1:
        raise ValueError(
            f"model {str(source)!r} is neither a folder here nor a Hub repository USER/NAME, "
            f"nor one of the bundled models: {', '.join(bundled)}"
        )
    from siamese.hub import fetch_model  # brings huggingface_hub, for which no other model should wait

    folder, _ = fetch_model(source, revision)
    return folder, f"{source}@{revision}" if revision else source


def split_revision(source: str | None) -> tuple[str | None, str | None]:
    """A source user/name@revision -> (user/name, revision); a folder, or a source without "@", has None for revision."""
    if source is None or "@" not in source or Path(source).is_dir():
        return source or None, None
    name, _, revision = source.partition("@")
    return name, revision
