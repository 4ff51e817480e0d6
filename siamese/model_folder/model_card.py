"""The README.md of a model folder: model_card.md, filled in from the config.

The card is rendered from the same `ModelFolderConfig` that config.json holds, so the two cannot disagree.
"""

import functools
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from siamese.config import DataRecord, Metrics, ModelFolderConfig, counted, one_line
from siamese.data.datasets import DATASETS, is_own
from siamese.encoders.turned_views import MOST_DEGREES
from siamese.evaluation.bootstrap import interval_in_words
from siamese.evaluation.metrics import LEAST_FALSE_ACCEPTS
from siamese.inputs import INPUTS, reworded
from siamese.model_folder.citations import citations
from siamese.model_folder.doubtful import Doubtful, in_card

TEMPLATE = Path(__file__).with_name("model_card.md")
# Its part on how to use a model: of images (True), and of numbers.
USE = {True: TEMPLATE.with_name("use_of_images.md"), False: TEMPLATE.with_name("use_of_numbers.md")}
TRAINING_CURVE = "training_curve.png"
PLOTS = {
    "distances.png": "Distances of same and different test pairs with the threshold",
    "roc.png": "ROC on the test pairs",
    "reliability.png": "Reliability diagram on the test pairs",
    "false_accepts.png": "The nearest different pairs",
    "false_rejects.png": "The farthest same pairs",
    TRAINING_CURVE: "Training loss and validation error by epoch",
}
PICTURE_WIDTH = 400  # px: two beside each other where there is room, and one below the other on a phone
# Plots that show test images themselves; no other does.
DOUBTFUL_PICTURE = "disagreeing.png"
SHOW_PIXELS = ("false_accepts.png", "false_rejects.png", DOUBTFUL_PICTURE)
REFERENCE_IN_WORDS = """
`reference.safetensors` holds the embeddings of up to 1,000 test images and the numbers of their classes, from which the
demo knows what is unlike these images. They are no pictures, but they do tell something: with them and the model,
anybody can find out whether a picture that they have is very like one of these images. `siamese push
--without-reference` leaves them out.
"""
ONNX_IN_WORDS = """
`model.onnx` is the same model for programs without PyTorch, in any language that has ONNX Runtime: canonical images, uint8
(N, H, W) or (N, H, W, 3), as `siamese canonical` writes them, become embeddings. Two images are the same where these are at
most `threshold` apart, which is in the metadata of the file, with all of `config.json`. `siamese compare --model model.onnx`
uses it too.
"""
BEFORE_ONNX = "\n## Data\n"  # what it stands before
LEFT_OUT_SHOWN, LEFT_OUT_IN_SIGHT = 200, 20  # files by name; so many without unfolding anything
AUGMENTATION_IN_WORDS = {
    "ink": "random affine distortion and stroke thickness; of digits, strokes added",
    "photo": "random rotation, scale and shift, light and contrast, covering a part",
    "vectors": "each number moved a little at random, some taken for missing",
    "sequences": "time bent, columns scaled and shifted, and numbers shaken, at random",
}
PREPROCESSING_IN_WORDS = {
    "ink": "ink: the drawing is found, {aspect}scaled into a box of {preprocess.box_fraction:.0%} of the image and centred "
    "by mass",
    "photo": "photo: the whole picture, in its own proportions, with its edges continued to a square",
    "vectors": "{described}; of each, the mean is taken off and the deviation divided by; what is missing is at the mean",
    "sequences": "{described}",
}
ASPECT_IN_WORDS = {"kept": "", "adaptive": "brought nearer to a square where it is wide or tall, "}
COLUMNS_SHOWN = 20
OVER_IMAGES = "images, because pairs that share an image are not independent."
OVER_CLASSES = "classes, because all images of a class share what makes that class easy or hard."
BOOTSTRAP_IN_WORDS = {
    "given": OVER_IMAGES,
    "within": OVER_IMAGES,
    "classes": OVER_CLASSES,
    "groups": OVER_CLASSES,
    "pairs": "groups of images that are connected by pairs, or over single images if there are few such groups.",
}
SPLIT_IN_WORDS = {
    "given": "Validation is a random share of each class of the training\nset (seed {training.seed}); the test set is the "
    "dataset's own.",
    "within": "Validation and test are random shares of these same\nclasses (seed {training.seed}). Expect worse results "
    "for classes that the model has not seen.",
    "classes": "Validation has {data.validation_classes:,} and the test\n{data.test_classes:,} other classes, drawn at "
    "random (seed {training.seed}): the results are for classes that training never saw.",
    "groups": "Classes come in groups, such as alphabets or folders.\nValidation has the {data.validation_classes:,} "
    "classes of {data.validation_groups:,} groups and the test the {data.test_classes:,} classes of {data.test_groups:,} "
    "others,\ndrawn at random (seed {training.seed}): the results are for classes that training never saw.",
    "pairs": "Validation and test are random shares of the pairs (seed\n{training.seed}). Images that are connected by "
    "pairs are in the same part, so no image is in two parts.",
}
OWN_PARTS_IN_WORDS = {
    "within": "Training and test are the parts that the dataset comes\nin, and of the same classes. Expect worse results "
    "for classes that the model has not seen.",
    "classes": "Training and test are the parts that the dataset comes\nin. Validation has {data.validation_classes:,} and "
    "the test {data.test_classes:,} other classes: the results are for classes that training never saw.",
}
MODEL_PLACEHOLDER = "USER/NAME"  # the card is written before anybody knows where the folder will go


def render_card(
    config: ModelFolderConfig,
    left_out: Sequence[tuple[Path, str]] = (),
    plots: Collection[str] = tuple(PLOTS),
    has_reference: bool = True,
    doubtful: Doubtful | None = None,
) -> str:
    """The README.md of a model folder: metadata for the Hub, then the card in Markdown.

    `left_out` are the files of a folder of images that were not used, each with the reason; `plots`, those of PLOTS that lie
    beside the card. Of images of one's own it says what the reference embeddings are, where there are any. `doubtful` are
    the images that disagree with their class, which it names; None where it is not to speak of them.
    """
    parts = {field: getattr(config, field) for field in ("encoder", "calibration", "loss", "data", "training", "metrics")}
    metrics, data, training, encoder = config.metrics, config.data, config.training, config.encoder
    name = f"siamese-{encoder.name}-{Path(data.dataset).name}"
    dataset = None if is_own(data) else DATASETS[data.dataset]
    are_labelled = data.split == "pairs"
    pairs = metrics.same_pairs + metrics.different_pairs
    step, kind, numbers = training.finished_at_step, INPUTS[config.preprocess.mode], config.preprocess.numbers
    described = kind.describe(config.preprocess, encoder)
    of_kind = functools.partial(reworded, noun=kind.noun)
    return of_kind(TEMPLATE.read_text(encoding="utf-8")).format(
        **parts,
        metadata=_metadata(config, name, dataset.hub_id if dataset else data.dataset if data.revision else None).to_yaml(),
        name=name,
        use=_use(config),
        placeholder=MODEL_PLACEHOLDER,
        dataset=f"`{one_line(data.dataset)}`",
        about=dataset.about if dataset else _about_own(data, kind.noun),
        trained_on=f"{data.pairs:,} labelled pairs" if are_labelled else f"{data.classes} classes",
        class_sizes="" if are_labelled else f", with {data.smallest_class:,} to {data.largest_class:,} {kind.noun}s each",
        every_pair=f"{pairs:,} labelled pairs" if are_labelled else f"all {pairs:,} pairs",
        which_pairs="the labelled" if are_labelled else "all",
        tar_at_far_1=_tar_at_far(metrics.tar_at_far_1, metrics),
        tar_at_far_01=_tar_at_far(metrics.tar_at_far_01, metrics),
        **{
            f"{name}_interval": interval_in_words(metrics, name, digits, data.split, "%")
            for name, digits in (("balanced_accuracy", 2), ("false_accept_rate", 3), ("false_reject_rate", 3))
        },
        bootstrap=of_kind(BOOTSTRAP_IN_WORDS[data.split]),
        least_false_accepts=LEAST_FALSE_ACCEPTS,
        few_classes=f", and the test has {counted(data.test_classes, 'class', 'classes')}" if data.test_classes else "",
        comparison=of_kind(_comparison(config)),
        pictures="\n".join(_picture(*each) for each in PLOTS.items() if each[0] in plots and each[0] != TRAINING_CURVE),
        training_curve=f"\n{_picture(TRAINING_CURVE, PLOTS[TRAINING_CURVE])}\n" if TRAINING_CURVE in plots else "",
        seen_images=f"| seen classes | {data.seen_images:,} | the comparison above |\n" if config.seen else "",
        split=of_kind((OWN_PARTS_IN_WORDS if data.has_own_parts else SPLIT_IN_WORDS)[data.split]).format(**parts),
        also=_further(data, kind.noun),
        left_out=_list_of_left_out(data.left_out, left_out),
        doubtful=in_card(doubtful, _picture(DOUBTFUL_PICTURE, "Images that disagree with their class"), kind.noun),
        reference=of_kind(REFERENCE_IN_WORDS) if has_reference and is_own(data) else "",
        size=f"{encoder.image_size} x {encoder.image_size} px, {counted(encoder.channels, 'channel')}"
        if numbers is None
        else described,
        backbone=f"; weights of its network from {one_line(encoder.backbone.weights)}" if encoder.backbone else "",
        views=f"; the mean of {encoder.views} views, turned by up to {MOST_DEGREES:g}°" if encoder.views > 1 else "",
        margin=f" (margin {config.loss.margin:g})" if config.loss.margin else "",
        epochs=counted(training.epochs, "epoch"),
        ended_early=f"; ended early by its user, after step {step:,} in epoch {len(config.history)}" if step else "",
        augmentation=AUGMENTATION_IN_WORDS[config.preprocess.mode] if training.augment else "none",
        preprocessing=PREPROCESSING_IN_WORDS[config.preprocess.mode].format(
            preprocess=config.preprocess, described=described, aspect=ASPECT_IN_WORDS[config.preprocess.aspect]
        ),
        commit=training.commit or "unknown",
        log="\n".join(
            f"| {record.epoch} | {record.loss:.4f} | {record.balanced_accuracy:.2f} | {record.equal_error_rate:.2f} | "
            f"{record.roc_auc:.5f} | {record.seconds:.0f} |"
            for record in config.history
        ),
        methods=citations(config),
    )


def _use(config: ModelFolderConfig) -> str:
    """How to use the model, from Python and in a terminal."""
    numbers, examples = config.preprocess.numbers, INPUTS[config.preprocess.mode].examples
    template = USE[numbers is None].read_text(encoding="utf-8")
    if numbers is None:
        return template.format(placeholder=MODEL_PLACEHOLDER)
    example, files = ", ".join(f'"{each}"' for each in examples), shlex.join(examples)
    names = numbers.columns[:COLUMNS_SHOWN]
    more = f" and {len(numbers.columns) - len(names):,} more" if len(numbers.columns) > len(names) else ""
    columns = f"{counted(len(numbers.columns), 'column')}: {one_line(', '.join(names), 1000)}{more}"
    return template.format(placeholder=MODEL_PLACEHOLDER, example=example, files=files, columns=columns)


def _picture(file: str, caption: str) -> str:
    return f'<img src="{file}" alt="{caption}" width="{PICTURE_WIDTH}">'


def _about_own(data: DataRecord, noun: str) -> str:
    if data.revision:
        what = "labelled pairs" if data.split == "pairs" else "a dataset"
        return f"{what} of the Hugging Face Hub, at commit `{data.revision}`"
    where = "a folder" if noun == "image" else "a table or a folder"
    return f"{'labelled pairs' if data.split == 'pairs' else where} of {noun}s"


def _further(data: DataRecord, noun: str) -> str:
    """What training had beside its dataset, in a sentence; "" where it had nothing."""
    if not data.also:
        return ""
    return f"\nOf the training {noun}s, {data.also_images:,} are further ones, of the folder `{one_line(data.also)}`.\n"


def _tar_at_far(rate: float | None, metrics: Metrics) -> str:
    return f"not supported by {metrics.different_pairs:,} different pairs" if rate is None else f"{rate:.2f}%"


def _comparison(config: ModelFolderConfig) -> str:
    """Results for classes that the training never saw and for those it saw, side by side; "" where these are not known."""
    unseen, seen, data = config.metrics, config.seen, config.data
    if seen is None:
        return ""

    def cell(metrics: Metrics, name: str, digits: int) -> str:
        value = f"{getattr(metrics, name):.{digits}f}"
        has_interval = hasattr(metrics, f"{name}_low")
        return f"{value} ({interval_in_words(metrics, name, digits, data.split)})" if has_interval else value

    rows = (
        ("balanced pair accuracy, %", "balanced_accuracy", 2),
        ("different pairs accepted, %", "false_accept_rate", 3),
        ("same pairs rejected, %", "false_reject_rate", 3),
        ("equal error rate, %", "equal_error_rate", 3),
        ("area under the ROC curve", "roc_auc", 6),
    )
    table = "\n".join(f"| {title} | {cell(unseen, *what)} | {cell(seen, *what)} |" for title, *what in rows)
    return f"""
Classes that training never saw, beside new images of classes that it did see, at the same threshold:

| with 95% intervals | unseen classes | seen classes |
| --- | --- | --- |
| classes | {data.test_classes:,} | {data.seen_classes:,} |
| images | {data.test_images:,} | {data.seen_images:,} |
{table}
"""


def _list_of_left_out(count: int, left_out: Sequence[tuple[Path, str]]) -> str:
    """The files that were not used, with the reasons, as a block that no file name can break out of."""
    if not count:
        return ""
    shown = [f"    {one_line(file.name, 120)}: {one_line(reason)}" for file, reason in left_out[:LEFT_OUT_SHOWN]]
    if not shown:
        return f"\n{counted(count, 'file was', 'files were')} left out.\n"
    more = [f"    and {count - len(shown):,} more"] if count > len(shown) else []
    said = f"{counted(count, 'file was', 'files were')} left out"
    if count > LEFT_OUT_IN_SIGHT:
        return "\n".join([f"\n<details>\n<summary>{said}</summary>\n", *shown, *more, "\n</details>", ""])
    return "\n".join([f"\n{said}:\n", *shown, *more, ""])


def _metadata(config: ModelFolderConfig, name: str, hub_dataset: str | None) -> ModelCardData:
    """What the Hub reads: every metric as an evaluation result."""
    metrics, is_of_images = config.metrics, config.preprocess.numbers is None
    task = "image-feature-extraction" if is_of_images else "feature-extraction"
    verification = f"{'image' if is_of_images else INPUTS[config.preprocess.mode].noun}-verification"
    results = {
        "balanced_accuracy": ("Balanced pair accuracy (%)", metrics.balanced_accuracy),
        "false_accept_rate": ("Different pairs accepted (%)", metrics.false_accept_rate),
        "false_reject_rate": ("Same pairs rejected (%)", metrics.false_reject_rate),
        "equal_error_rate": ("Equal error rate (%)", metrics.equal_error_rate),
        "roc_auc": ("ROC-AUC", metrics.roc_auc),
        "tar_at_far_1": ("TAR at FAR 1% (%)", metrics.tar_at_far_1),
        "tar_at_far_01": ("TAR at FAR 0.1% (%)", metrics.tar_at_far_01),
        "calibration_error": ("Calibration error (%)", metrics.calibration_error),
    }
    return ModelCardData(
        model_name=name,
        license="mit",
        library_name="siamese",
        pipeline_tag=task,
        tags=["siamese-network", "metric-learning", verification, "same-or-different", "safetensors", "pytorch"],
        datasets=[hub_dataset] if hub_dataset else None,
        eval_results=[
            EvalResult(
                task_type=task,
                task_name="Same or different, all pairs",
                dataset_type=hub_dataset or ("own-images" if is_of_images else "own-numbers"),
                dataset_name=config.data.dataset,
                dataset_split="test",
                dataset_revision=config.data.revision or None,
                metric_type=key,
                metric_name=title,
                metric_value=round(value, 5),
            )
            for key, (title, value) in results.items()
            if value is not None
        ],
    )
