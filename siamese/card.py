"""The model folder as a whole: weights, config, training log, plots and the model card, written in one go.

The card is rendered from the same `ModelFolderConfig` that config.json holds, so the two cannot disagree.
"""

import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import EvalResult, ModelCardData
from torch import Tensor

from siamese import plots
from siamese.calibration import probability_same
from siamese.checkpoint import CARD_FILE, CONFIG_FILE, METRICS_FILE, RESUME_FILE, WEIGHTS_FILE, save_weights
from siamese.config import ModelFolderConfig
from siamese.metrics import PairDistances, hardest_pairs
from siamese.model import SiameseNetwork

PLOTS = {
    "training_curve.png": "Training loss and validation error by epoch",
    "distances.png": "Distances of same and different test pairs with the threshold",
    "roc.png": "ROC on the test pairs",
    "reliability.png": "Reliability diagram on the test pairs",
    "false_accepts.png": "The nearest different pairs",
    "false_rejects.png": "The farthest same pairs",
}
HARDEST_SHOWN = 16


def write_model_folder(
    folder: Path,
    network: SiameseNetwork,
    config: ModelFolderConfig,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    embeddings: Tensor,
    pairs: PairDistances,
) -> None:
    """Write a complete model folder. An earlier model there stays untouched until every new file is written.

    `test_images` uint8 (N, H, W[, 3]), `test_labels` (N,), their `embeddings` (N, D) and all their `pairs` feed the plots.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as staging_name:
        staging = Path(staging_name)
        save_weights(network, staging / WEIGHTS_FILE)
        (staging / CONFIG_FILE).write_text(config.to_json(), encoding="utf-8")
        log = (json.dumps(dataclasses.asdict(record)) + "\n" for record in config.history)
        (staging / METRICS_FILE).write_text("".join(log), encoding="utf-8")
        (staging / CARD_FILE).write_text(render_card(config), encoding="utf-8")
        for name, figure in _figures(config, test_images, test_labels, embeddings, pairs).items():
            figure.savefig(staging / name, dpi=100)
        folder.mkdir(exist_ok=True)
        for file in sorted(staging.iterdir()):
            file.replace(folder / file.name)
    (folder / RESUME_FILE).unlink(missing_ok=True)


def render_card(config: ModelFolderConfig) -> str:
    """The README.md of a model folder: metadata for the Hub, then the card in Markdown."""
    metrics, data, training, encoder = config.metrics, config.data, config.training, config.encoder
    name = f"siamese-{encoder.name}-{Path(data.dataset).name}"
    results = {
        "balanced_accuracy": ("Balanced pair accuracy (%)", metrics.balanced_accuracy),
        "equal_error_rate": ("Equal error rate (%)", metrics.equal_error_rate),
        "roc_auc": ("ROC-AUC", metrics.roc_auc),
        "tar_at_far_1": ("TAR at FAR 1% (%)", metrics.tar_at_far_1),
        "tar_at_far_01": ("TAR at FAR 0.1% (%)", metrics.tar_at_far_01),
        "calibration_error": ("Calibration error (%)", metrics.calibration_error),
    }
    metadata = ModelCardData(
        model_name=name,
        license="mit",
        tags=["siamese-network", "metric-learning", "image-verification", "same-or-different"],
        datasets=["ylecun/mnist"] if data.dataset.startswith("mnist") else None,
        eval_results=[
            EvalResult(
                task_type="image-feature-extraction",
                task_name="Same or different, all pairs",
                dataset_type=data.dataset,
                dataset_name=data.dataset,
                dataset_split="test",
                metric_type=key,
                metric_name=title,
                metric_value=round(value, 5),
            )
            for key, (title, value) in results.items()
        ],
    )
    pictures = "\n".join(f"![{caption}]({file})" for file, caption in PLOTS.items())
    log = "\n".join(
        f"| {record.epoch} | {record.loss:.4f} | {record.balanced_accuracy:.2f} | {record.equal_error_rate:.2f} | "
        f"{record.roc_auc:.5f} | {record.seconds:.0f} |"
        for record in config.history
    )
    return f"""---
{metadata.to_yaml()}
---

# {name}

A siamese network: it maps an image to {encoder.embedding_dim} numbers, and two images are the same where their Euclidean
distance is at most {config.calibration.threshold:.4f}. Trained on `{data.dataset}` ({data.classes} classes).

## Results

Measured once, on all {metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs of {data.test_images:,}
test images that neither training nor the threshold has seen. Threshold and probabilities were fitted on
{data.validation_images:,} validation images, cut from the training set.

| | |
| --- | --- |
| balanced pair accuracy | **{metrics.balanced_accuracy:.2f}%** (95% interval {metrics.balanced_accuracy_low:.2f} to \
{metrics.balanced_accuracy_high:.2f}, bootstrap over images) |
| different pairs accepted | {metrics.false_accept_rate:.3f}% |
| same pairs rejected | {metrics.false_reject_rate:.3f}% |
| equal error rate | {metrics.equal_error_rate:.3f}% |
| ROC-AUC | {metrics.roc_auc:.6f} |
| same pairs accepted at 1% false accepts | {metrics.tar_at_far_1:.2f}% |
| same pairs accepted at 0.1% false accepts | {metrics.tar_at_far_01:.2f}% |
| calibration error (15 equal-mass bins of balanced pairs) | {metrics.calibration_error:.2f}% |

{pictures}

## Use

```python
from siamese import Verifier

verifier = Verifier.from_pretrained("path/to/this/folder")
verdict = verifier.verify("a.png", "b.png")
print(verdict.is_same, verdict.probability_same, verdict.distance)
```

    python -m siamese compare a.png b.png --model path/to/this/folder
    SIAMESE_MODEL=path/to/this/folder python app.py

## How it was made

    {training.command}

| | |
| --- | --- |
| images | {data.training_images:,} training, {data.validation_images:,} validation, {data.test_images:,} test |
| encoder | {encoder.name}, {training.parameters:,} parameters, {encoder.image_size} x {encoder.image_size} px, \
{encoder.channels} channel{"s" if encoder.channels > 1 else ""} |
| loss | {config.loss.name}{f" (margin {config.loss.margin})" if config.loss.name == "triplet" else ""} |
| optimiser | AdamW, peak learning rate {training.learning_rate:g}, weight decay {training.weight_decay:g} |
| batches | {training.batch_size} images, {training.epochs} epochs, epoch {training.best_epoch} kept |
| augmentation | {"random affine distortion, joining strokes, stroke thickness" if training.augment else "none"} |
| seed | {training.seed} |
| device | {training.device}, {training.precision}, {training.seconds:.0f} s |
| PyTorch | {training.torch_version} |
| commit | {training.commit or "unknown"} |
| date | {training.date} |

| epoch | loss | validation balanced accuracy % | EER % | AUC | seconds |
| --- | --- | --- | --- | --- | --- |
{log}

## Limits

The confidence is calibrated for pairs like the test pairs: half of them same, of images like those of `{data.dataset}`. On
other kinds of pictures the model still answers, but its probabilities are not to be relied on.
"""


def _figures(config, images, labels, embeddings, pairs) -> dict:
    calibration = config.calibration

    def gallery(is_same: bool, heading: str):
        hardest = hardest_pairs(embeddings, torch.from_numpy(labels), is_same, HARDEST_SHOWN)
        titles = [
            f"{labels[a]} {labels[b]}   d {distance:.2f}   p {float(probability_same(distance, calibration)):.3f}"
            for a, b, distance in hardest
        ]
        return plots.pair_gallery(images, hardest, titles, heading)

    threshold = calibration.threshold
    return {
        "training_curve.png": plots.training_curve(config.history, config.training.best_epoch),
        "distances.png": plots.distance_histogram(pairs, threshold),
        "roc.png": plots.roc_curve(pairs, threshold),
        "reliability.png": plots.reliability_diagram(pairs, calibration, config.metrics.calibration_error),
        "false_accepts.png": gallery(False, "Different, but nearest (classes, distance d, probability of same p)"),
        "false_rejects.png": gallery(True, "Same, but farthest (classes, distance d, probability of same p)"),
    }
