"""Where a model comes from: a folder, the Hugging Face Hub, or the weights that come with the package."""

from pathlib import Path

from siamese.checkpoint import BUNDLED_WEIGHTS, DEFAULT_BUNDLED


def locate_model(source: str | Path | None, revision: str | None = None) -> tuple[Path, str]:
    """The local folder of a model and its name in words: a folder, a Hub repository (downloaded) or the bundled weights.

    Raises ValueError where it cannot be had; a HubError among them where the Hub is the reason.
    """
    if source is None:
        return BUNDLED_WEIGHTS / DEFAULT_BUNDLED, f"{DEFAULT_BUNDLED} (bundled)"
    if Path(source).is_dir():
        return Path(source), Path(source).resolve().name
    if not isinstance(source, str) or source.count("/") != 1:
        raise ValueError(f"model {str(source)!r} is neither a folder here nor a Hub repository USER/NAME")
    from siamese.hub import fetch_model  # brings huggingface_hub, for which no other model should wait

    folder, _ = fetch_model(source, revision)
    return folder, f"{source}@{revision}" if revision else source


def split_revision(source: str | None) -> tuple[str | None, str | None]:
    """A source user/name@revision -> (user/name, revision); a folder, or a source without "@", has None for revision."""
    if source is None or "@" not in source or Path(source).is_dir():
        return source or None, None
    name, _, revision = source.partition("@")
    return name, revision
