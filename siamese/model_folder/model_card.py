"""The model folder as a whole: weights, config, training log, plots and the model card, written in one go.

The card is rendered from the same `ModelFolderConfig` that config.json holds, so the two cannot disagree.
"""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from siamese.config import Metrics, ModelFolderConfig, one_line
from siamese.data.datasets import DATASETS
from siamese.evaluation.metrics import LEAST_FALSE_ACCEPTS

PLOTS = {
    "training_curve.png": "Training loss and validation error by epoch",
    "distances.png": "Distances of same and different test pairs with the threshold",
    "roc.png": "ROC on the test pairs",
    "reliability.png": "Reliability diagram on the test pairs",
    "false_accepts.png": "The nearest different pairs",
    "false_rejects.png": "The farthest same pairs",
}
LEFT_OUT_SHOWN = 200
AUGMENTATION_IN_WORDS = {
    "ink": "random affine distortion and stroke thickness; of digits, strokes added",
    "photo": "random rotation, scale and shift, light and contrast, covering a part",
}
BOOTSTRAP_IN_WORDS = {
    "given": "images, since pairs that share an image are not independent.",
    "within": "images, since pairs that share an image are not independent.",
    "classes": "classes, since the images of a class have in common what makes it easy or hard.",
    "groups": "classes, since the images of a class have in common what makes it easy or hard.",
    "pairs": "groups of images that hang together through pairs, or over images where such groups are few.",
}
SPLIT_IN_WORDS = {
    "given": "Validation is a random share of each class of the training set, drawn by seed {seed}; the test set is the\n"
    "dataset's own.",
    "within": "Validation and test are random shares of the same classes, drawn by seed {seed}: for classes that it\n"
    "has not seen, this model is worse than the results say.",
    "classes": "Validation holds {data.validation_classes:,} and the test {data.test_classes:,} other classes, drawn by\n"
    "seed {seed}: the results are for classes that the training never saw.",
    "groups": "Validation holds the {data.validation_classes:,} classes of {data.validation_groups:,} groups (alphabets,\n"
    "folders), drawn by seed {seed}, and the test the {data.test_classes:,} classes of {data.test_groups:,} others: the\n"
    "results are for classes that the training never saw.",
    "pairs": "Validation and test are random shares of the pairs, drawn by seed {seed}; images that hang together through\n"
    "pairs went to one part, so that no image is in two.",
}
MODEL_PLACEHOLDER = "USER/NAME"  # the card is written before anybody knows where the folder will go


def render_card(config: ModelFolderConfig, left_out: Sequence[tuple[Path, str]] = ()) -> str:
    """The README.md of a model folder: metadata for the Hub, then the card in Markdown; `left_out` as above."""
    metrics, data, training, encoder, loss = config.metrics, config.data, config.training, config.encoder, config.loss
    name = f"siamese-{encoder.name}-{Path(data.dataset).name}"
    dataset = DATASETS.get(data.dataset)
    pictures = "\n\n".join(f"**{caption}**\n\n![{caption}]({file})" for file, caption in PLOTS.items())
    log = "\n".join(
        f"| {record.epoch} | {record.loss:.4f} | {record.balanced_accuracy:.2f} | {record.equal_error_rate:.2f} | "
        f"{record.roc_auc:.5f} | {record.seconds:.0f} |"
        for record in config.history
    )
    few_classes = f"they are of {data.test_classes:,} classes, and " if data.test_classes else ""

    def tar_at_far(rate: float | None) -> str:
        return f"not supported by {metrics.different_pairs:,} different pairs" if rate is None else f"{rate:.2f}%"

    seen_images = f"| seen classes | {data.seen_images:,} | the comparison above |\n" if config.seen else ""
    step = training.finished_at_step
    ended_early = f"; ended early by its user, after step {step:,} in epoch {len(config.history)}" if step else ""
    augmentation = AUGMENTATION_IN_WORDS[config.preprocess.mode] if training.augment else "none"
    name_of_set = f"`{one_line(data.dataset)}`"
    count = f"{metrics.same_pairs + metrics.different_pairs:,}"
    trained_on, every_pair = f"{data.classes} classes", f"all {count} pairs"
    sizes = f", with {data.smallest_class:,} to {data.largest_class:,} images each"
    if data.split == "pairs":
        trained_on, every_pair, sizes = f"{data.pairs:,} labelled pairs", f"{count} labelled pairs", ""
    preprocessing = "photo: the whole picture, its proportions kept, its edges continued to a square"
    if config.preprocess.mode == "ink":
        box = f"{config.preprocess.box_fraction:.0%} of the image"
        preprocessing = f"ink: the drawing found, scaled into a box of {box} and centred by mass"
    return f"""---
{_metadata(config, name, dataset.hub_id if dataset else None).to_yaml()}
---

# {name}

A siamese network: it maps an image to {encoder.embedding_dim} numbers, and two images are the same where their Euclidean
distance is at most {config.calibration.threshold:.4f}. Trained on {name_of_set} ({trained_on}).
On {every_pair} of its test images it judges
**{metrics.balanced_accuracy:.2f}%** right, same and different pairs weighing half each.

## Use

Get the code (`train.py`, `app.py`, the package `siamese`). For `{MODEL_PLACEHOLDER}` put the id of this repository on the
Hub, or the path of this folder:

```python
from siamese import Verifier

verifier = Verifier.from_pretrained("{MODEL_PLACEHOLDER}")  # on the Hub, revision="..." pins a commit
verdict = verifier.verify("a.png", "b.png")  # paths, PIL images or uint8 arrays
print(verdict.is_same, verdict.probability_same, verdict.distance)
```

On the command line, and as a demo in the browser:

```
python -m siamese compare a.png b.png --model {MODEL_PLACEHOLDER}
SIAMESE_MODEL={MODEL_PLACEHOLDER} python app.py
```

The running demo, here or as a Space, answers programs:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
client.predict(image_a=handle_file("a.png"), image_b=handle_file("b.png"), api_name="/compare")
```

## Results

| on {"the labelled" if data.pairs else "all"} pairs of the test images | value | 95% interval |
| --- | --- | --- |
| balanced pair accuracy | **{metrics.balanced_accuracy:.2f}%** | {metrics.balanced_accuracy_low:.2f} to \
{metrics.balanced_accuracy_high:.2f}% |
| different pairs accepted | {metrics.false_accept_rate:.3f}% | {metrics.false_accept_rate_low:.3f} to \
{metrics.false_accept_rate_high:.3f}% |
| same pairs rejected | {metrics.false_reject_rate:.3f}% | {metrics.false_reject_rate_low:.3f} to \
{metrics.false_reject_rate_high:.3f}% |
| equal error rate | {metrics.equal_error_rate:.3f}% | |
| ROC-AUC | {metrics.roc_auc:.6f} | |
| same pairs accepted at 1% false accepts | {tar_at_far(metrics.tar_at_far_1)} | |
| same pairs accepted at 0.1% false accepts | {tar_at_far(metrics.tar_at_far_01)} | |
| calibration error (15 equal-mass bins of balanced pairs) | {metrics.calibration_error:.2f}% | |

Measured once and exactly, on {metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs of images that
neither the training nor the choice of epoch, threshold and probabilities has seen. Intervals: percentile bootstrap over the
{BOOTSTRAP_IN_WORDS[data.split]} A rate of false accepts is given where at least
{LEAST_FALSE_ACCEPTS} different pairs make it up; {few_classes}what is rare among them is less certain than their number
suggests, since pairs are not independent.
{_comparison(config)}
{pictures}

## Data

{name_of_set}: {dataset.about if dataset else "images of the trainer's own"}.

| part | images | used for |
| --- | --- | --- |
| training | {data.training_images:,} | the weights |
| validation | {data.validation_images:,} | the epoch kept, threshold, probabilities |
| test | {data.test_images:,} | the results above |
{seen_images}
{trained_on} to train on{sizes}.
{SPLIT_IN_WORDS[data.split].format(data=data, seed=training.seed)}
{_list_of_left_out(data.left_out, left_out)}
## How it was made

```
{training.command}
```

| setting | value |
| --- | --- |
| encoder | {encoder.name}, {training.parameters:,} parameters, {encoder.image_size} x {encoder.image_size} px, \
{encoder.channels} channel{"s" if encoder.channels > 1 else ""}, {encoder.embedding_dim} numbers per embedding |
| loss | {loss.name}{f" (margin {loss.margin:g})" if loss.margin else ""} |
| optimiser | AdamW, peak learning rate {training.learning_rate:g}, weight decay {training.weight_decay:g} |
| batches | {training.batch_size} images, {training.epochs} epochs, epoch {training.best_epoch} kept{ended_early} |
| augmentation | {augmentation} |
| preprocessing | {preprocessing} |
| seed | {training.seed} |
| hardware | {training.device}, {training.precision} |
| time | {training.seconds:.0f} s for the epochs, validation included |
| PyTorch | {training.torch_version} |
| commit | {training.commit or "unknown"} |
| date | {training.date} |

Validation after each epoch, over all its pairs:

| epoch | loss | balanced accuracy % | EER % | AUC | seconds |
| --- | --- | --- | --- | --- | --- |
{log}

## Intended use and limits

Made for telling whether two pictures show the same class of {name_of_set}, for learning about metric learning, and as a
start for models of other images. The confidence is calibrated for pairs like the test pairs: images like those of
{name_of_set}, half of the pairs same. On other kinds of pictures the model still answers, but its probabilities are not
to be relied on. Where different pairs are far more frequent than same ones, as in a search, choose a lower threshold. Not
for decisions about people.

## Citation

```bibtex
@inproceedings{{bromley1993signature,
  title = {{Signature Verification using a "Siamese" Time Delay Neural Network}},
  author = {{Bromley, Jane and Guyon, Isabelle and LeCun, Yann and S{{\\"a}}ckinger, Eduard and Shah, Roopak}},
  booktitle = {{Advances in Neural Information Processing Systems}},
  year = {{1993}}
}}
```
"""


def _comparison(config: ModelFolderConfig) -> str:
    """Results for classes that the training never saw and for those it saw, side by side; "" where these are not known."""
    unseen, seen, data = config.metrics, config.seen, config.data
    if seen is None:
        return ""

    def cell(metrics: Metrics, name: str, digits: int) -> str:
        value, low, high = (getattr(metrics, name + end, None) for end in ("", "_low", "_high"))
        return f"{value:.{digits}f}" if low is None else f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

    rows = (
        ("balanced pair accuracy, %", "balanced_accuracy", 2),
        ("different pairs accepted, %", "false_accept_rate", 3),
        ("same pairs rejected, %", "false_reject_rate", 3),
        ("equal error rate, %", "equal_error_rate", 3),
        ("area under the ROC curve", "roc_auc", 6),
    )
    table = "\n".join(f"| {title} | {cell(unseen, *what)} | {cell(seen, *what)} |" for title, *what in rows)
    return f"""
Classes that the training never saw, beside images that it never saw of classes that it did, at the same threshold:

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
    more = [f"    and {count - len(shown):,} more"] if count > len(shown) else []
    return "\n".join([f"\n{count:,} files of the folder were left out:\n", *shown, *more, ""])


def _metadata(config: ModelFolderConfig, name: str, hub_dataset: str | None) -> ModelCardData:
    """What the Hub reads: every metric as an evaluation result."""
    metrics = config.metrics
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
        pipeline_tag="image-feature-extraction",
        tags=["siamese-network", "metric-learning", "image-verification", "same-or-different", "safetensors", "pytorch"],
        datasets=[hub_dataset] if hub_dataset else None,
        eval_results=[
            EvalResult(
                task_type="image-feature-extraction",
                task_name="Same or different, all pairs",
                dataset_type=hub_dataset or "own-images",
                dataset_name=config.data.dataset,
                dataset_split="test",
                metric_type=key,
                metric_name=title,
                metric_value=round(value, 5),
            )
            for key, (title, value) in results.items()
            if value is not None
        ],
    )
