"""Everything that travels with the weights, as small frozen dataclasses of scalars.

`config.json` in a model folder is one `ModelFolderConfig`. Reading is strict: an unknown or missing key, a wrong type or a
value out of range is a `ValueError` that names the key, the value and what is allowed, so that weights never load under
settings they were not trained with.
"""

import dataclasses
import json
import sys
from dataclasses import dataclass, field

from siamese.strict import check_choice, check_range, from_dict, parse_json, shorten
from siamese.strict import counted as counted  # these are here for all that import them from this module
from siamese.strict import one_line as one_line
from siamese.strict import readable as readable

FORMAT_VERSION = 1

PREPROCESS_MODES = ("ink", "photo")  # of images
NUMBER_MODES = ("vectors", "sequences")  # of what is no image: see siamese.inputs
SPLITS = ("given", "classes", "groups", "within", "pairs")
LEAST_STEPS = 8  # of an epoch: small folders are passed over several times, but learnt by heart if too often
UNSEEN_SPLITS = ("classes", "groups")  # whose test is of classes that training never saw
ADDED_LATER = {"optional": True}  # metadata of fields that older model folders lack: they are read with the default
NUMBER_VERSIONS = (1,)  # ways of reading numbers; as of images, each stays as it is
FITS = ("resample", "pad")  # sequences of any length to one of T steps: see NumbersConfig
NORMALISATIONS = ("columns", "each", "shape")
MOST_COLUMNS, MOST_STEPS = 10_000, 4096
MOST_VIEWS = 9
ASPECTS = ("kept", "adaptive")
PREPROCESS_VERSIONS = (1, 2)  # ways of reading an image; each stays as it is, since weights were trained on it


@dataclass(frozen=True)
class BackboneConfig:
    """What an encoder on a network of `timm` expects of an image, and where that network's weights are from."""

    mean: tuple[float, ...]  # of each of the three channels, 0..1, that is taken off
    deviation: tuple[float, ...]  # by which each is then divided, above 0
    stages: tuple[int, ...]  # of the network, counted from 0, ascending, whose maps are the features
    grids: tuple[int, ...]  # places a side, 1..16, that the maps of each stage are averaged in
    weights: str = ""  # where they are from: a repository of the Hub with its commit, a package, or a file's digest

    def __post_init__(self) -> None:
        check_range("encoder.backbone.deviation", min(self.deviation, default=0), 1e-6, 1e6)
        for grid in self.grids:
            check_range("encoder.backbone.grids", grid, 1, 16)
        for name, count in (("mean", 3), ("deviation", 3), ("stages", len(self.grids) or 1)):
            check_choice(f"the length of encoder.backbone.{name}", len(getattr(self, name)), (count,))


@dataclass(frozen=True)
class EncoderConfig:
    """Which encoder, and the shapes it takes and gives."""

    name: str = "compact"  # key of siamese.encoders.ENCODERS, or "timm/" and a network of timm
    embedding_dim: int = 128  # D, 1..4096
    image_size: int = 28  # H = W of the canonical image in pixels, 8..512
    channels: int = 1  # 1 grey, 3 colour
    backbone: BackboneConfig | None = field(default=None, metadata=ADDED_LATER)  # of "timm/..." alone
    mirrors: bool = field(default=True, metadata=ADDED_LATER)  # "hog", "timm/...": an image is the same mirrored
    views: int = field(default=1, metadata=ADDED_LATER)  # of an image, 1..9, see siamese.encoders.turned_views
    # Of what is no image, and then image_size and channels say nothing: (F,), or (T, F + 1) with the mask of steps
    shape: tuple[int, ...] | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if (self.backbone is not None) != self.name.startswith("timm/"):
            raise ValueError(f"encoder {shorten(self.name)} {'has a' if self.backbone else 'lacks its'} backbone")
        check_range("encoder.embedding_dim", self.embedding_dim, 1, 4096)
        check_range("encoder.image_size", self.image_size, 8, 512)
        check_choice("encoder.channels", self.channels, (1, 3))
        check_range("encoder.views", self.views, 1, MOST_VIEWS if self.shape is None else 1)
        if self.shape is not None:
            check_choice("the length of encoder.shape", len(self.shape), (1, 2))
            for size, most in zip(self.shape[::-1], (MOST_COLUMNS + 1, MOST_STEPS), strict=False):
                check_range("encoder.shape", size, 1, most)


@dataclass(frozen=True)
class NumbersConfig:
    """How a row of numbers, or a sequence of such rows, becomes the canonical array that the encoder sees."""

    columns: tuple[str, ...]  # F names, in their order, 1..10,000 of them; "1", "2", ... where they have none
    mean: tuple[float, ...]  # of each column among the training data
    deviation: tuple[float, ...]  # and its standard deviation, above 0
    flags: tuple[str, ...] = ()  # columns of sequences that only say yes or no (1, 0), as a pen does: they stay as they are
    time_column: str = ""  # of sequences: by what their steps are ordered and spaced; "": by their place
    length: int = 0  # T steps of a canonical sequence, 2..4096; 0 of rows
    fit: str = "resample"  # a sequence is drawn out or drawn together to T steps, or "pad": filled up behind its end
    # "columns": by mean and deviation; "each": each column of a sequence by its own mean and deviation; "shape": by its own
    # mean and one deviation of all columns together, which keeps proportions, as of x and y
    normalise: str = "columns"
    version: int = NUMBER_VERSIONS[-1]

    def __post_init__(self) -> None:
        check_range("the number of preprocess.numbers.columns", len(self.columns), 1, MOST_COLUMNS)
        for name in ("mean", "deviation"):
            check_choice(f"the length of preprocess.numbers.{name}", len(getattr(self, name)), (len(self.columns),))
        check_range("preprocess.numbers.deviation", min(self.deviation), sys.float_info.min, sys.float_info.max)
        for flag in self.flags:
            check_choice("preprocess.numbers.flags", flag, self.columns)
        check_range("preprocess.numbers.length", self.length, 0, MOST_STEPS)
        check_choice("preprocess.numbers.fit", self.fit, FITS)
        check_choice("preprocess.numbers.normalise", self.normalise, NORMALISATIONS)
        check_choice("preprocess.numbers.version", self.version, NUMBER_VERSIONS)


@dataclass(frozen=True)
class PreprocessConfig:
    """How an input becomes the canonical one that the encoder sees (see siamese.inputs, siamese.images.canonical)."""

    # "ink": find the drawing, scale it into the box, centre it by mass, as MNIST was made; "photo": the whole picture;
    # "vectors", "sequences": no pictures, but numbers, as `numbers` says
    mode: str = "ink"
    box_fraction: float = 20 / 28  # longer side of the ink's bounding box as a share of the image side, 0.1..1
    # Which way of reading, see siamese.images.ink: 2 evens out shadows. Older model folders, which lack it, mean 1
    version: int = field(default=PREPROCESS_VERSIONS[-1], metadata={**ADDED_LATER, "before": 1})
    numbers: NumbersConfig | None = field(default=None, metadata=ADDED_LATER)  # of NUMBER_MODES alone
    # Proportions of a drawing, of "ink" alone: "kept", or "adaptive": what is wide or tall comes nearer to a square
    aspect: str = field(default=ASPECTS[0], metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_choice("preprocess.mode", self.mode, (*PREPROCESS_MODES, *NUMBER_MODES))
        check_range("preprocess.box_fraction", self.box_fraction, 0.1, 1.0)
        check_choice("preprocess.version", self.version, PREPROCESS_VERSIONS)
        check_choice("preprocess.aspect", self.aspect, ASPECTS if self.mode == "ink" else ASPECTS[:1])


@dataclass(frozen=True)
class LossConfig:
    """The training objective; not needed for prediction, kept so that a folder says how it came about."""

    name: str = "supcon"  # key of siamese.losses.LOSSES
    margin: float = 0.0  # in units of distance, 0..100; of the losses that have one, see siamese.losses

    def __post_init__(self) -> None:
        check_range("loss.margin", self.margin, 0.0, 100.0)


@dataclass(frozen=True)
class Calibration:
    """Distance -> probability that two images are the same, fitted on validation pairs (see siamese.evaluation.calibration).

    The log-odds of "same" are `slope * (threshold - distance)`, with one slope on each side of the threshold; the
    probability keeps away from 0 and 1 by `doubt`.
    """

    threshold: float = 1.0  # distance at which probability_same is 0.5, > 0
    same_slope: float = 1.0  # log-odds per unit of distance below the threshold, > 0
    different_slope: float = 1.0  # the same above the threshold, > 0
    # Share of verdicts, 0 to below 0.5, that validation was too small to rule out to be wrong, however clear the distance
    doubt: float = field(default=0.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        for name in ("threshold", "same_slope", "different_slope"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"calibration.{name} is {value}, allowed: above 0")
        if not 0 <= self.doubt < 0.5:
            raise ValueError(f"calibration.doubt is {self.doubt}, allowed: 0 to below 0.5")


@dataclass(frozen=True)
class DataRecord:
    """What the model was fitted, chosen and measured on."""

    dataset: str = ""  # name in siamese.data.datasets.DATASETS, the folder given, or USER/NAME on the Hub
    classes: int = 0
    smallest_class: int = 0  # training images of the class that has fewest
    largest_class: int = 0  # and of the one that has most
    training_images: int = 0
    validation_images: int = 0
    test_images: int = 0
    # What validation and test images are: "given": the dataset's own test set, and a share of each training class;
    # "classes": of classes that training never saw; "groups": of whole groups of such classes, as alphabets are of
    # characters; "within": shares of each class; "pairs": labelled pairs of images that training never saw, and no classes
    split: str = "given"
    validation_classes: int = 0
    test_classes: int = 0
    left_out: int = 0  # files that were no usable image, or copies of another
    pairs: int = field(default=0, metadata=ADDED_LATER)  # labelled ones to train on, where the split is "pairs"
    validation_groups: int = field(default=0, metadata=ADDED_LATER)  # where the split is "groups"
    test_groups: int = field(default=0, metadata=ADDED_LATER)
    seen_images: int = field(default=0, metadata=ADDED_LATER)  # of training classes, held out to measure what is seen
    seen_classes: int = field(default=0, metadata=ADDED_LATER)  # that they are of
    revision: str = field(default="", metadata=ADDED_LATER)  # commit of a dataset of the Hub
    is_public: bool = field(default=False, metadata=ADDED_LATER)  # whether everybody may read that
    has_own_parts: bool = field(default=False, metadata=ADDED_LATER)  # that it came in: its training and test are no draws
    also: str = field(default="", metadata=ADDED_LATER)  # folder of further images that only training had
    also_images: int = field(default=0, metadata=ADDED_LATER)  # that are from it

    def __post_init__(self) -> None:
        check_choice("data.split", self.split, SPLITS)


@dataclass(frozen=True)
class TrainingRecord:
    """How the weights came about: enough to repeat it."""

    command: str = ""
    commit: str = ""  # of this repository; empty when unknown
    seed: int = 0
    epochs: int = 0
    best_epoch: int = 0  # 1-based: the epoch whose weights were kept
    batch_size: int = 0  # images per step
    learning_rate: float = 0.0  # peak
    weight_decay: float = 0.0
    augment: bool = True
    precision: str = ""  # of the encoder's arithmetic in training: "float32" or "bfloat16"
    parameters: int = 0
    device: str = ""
    seconds: float = 0.0  # wall-clock time spent in the epochs, validation included
    torch_version: str = ""
    date: str = ""  # ISO 8601, UTC
    finished_at_step: int = field(default=0, metadata=ADDED_LATER)  # where its user had seen enough; 0: after all epochs


@dataclass(frozen=True)
class EpochRecord:
    """One line of the training log: validation measured over all its pairs."""

    epoch: int  # 1-based
    loss: float  # mean over the steps of the epoch
    balanced_accuracy: float  # percent, at the best threshold for this epoch
    equal_error_rate: float  # percent
    roc_auc: float  # 0..1
    seconds: float  # wall-clock, since the start of training


@dataclass(frozen=True)
class Metrics:
    """Measured once, over all pairs of the test images, at the threshold from validation. Percentages run 0..100."""

    same_pairs: int = 0
    different_pairs: int = 0
    balanced_accuracy: float = 0.0  # percent: (share of same pairs accepted + share of different pairs rejected) / 2
    # Percent: lower end of the 95% interval, by bootstrap; here and below None where too little is behind it
    balanced_accuracy_low: float | None = 0.0
    balanced_accuracy_high: float | None = 0.0  # percent: upper end
    false_accept_rate: float = 0.0  # percent of different pairs called same
    false_accept_rate_low: float | None = 0.0  # percent: ends of its 95% interval
    false_accept_rate_high: float | None = 0.0
    false_reject_rate: float = 0.0  # percent of same pairs called different
    false_reject_rate_low: float | None = 0.0  # percent: ends of its 95% interval
    false_reject_rate_high: float | None = 0.0
    equal_error_rate: float = 0.0  # percent
    roc_auc: float = 0.0  # 0..1
    # Percent of same pairs accepted where 1%, and 0.1%, of different pairs are; None where these are too few to say
    tar_at_far_1: float | None = 0.0
    tar_at_far_01: float | None = 0.0
    calibration_error: float = 0.0  # percent: ECE over 15 equal-mass bins of balanced pairs


@dataclass(frozen=True)
class DistanceCurve:
    """How the distances of the test pairs are spread: what each threshold would accept, without the test images."""

    upper: float  # distance at which the last bin ends, > 0; all pairs lie below
    same: tuple[float, ...]  # share of the same pairs in each of equal bins of 0..upper
    different: tuple[float, ...]  # and of the different ones, as many bins
    threshold_at_far_1: float | None  # at which 1% of the different pairs are accepted; None where these are too few to say
    threshold_at_far_01: float | None  # and 0.1%

    def __post_init__(self) -> None:
        if not (self.upper > 0 and 0 < len(self.same) == len(self.different)):
            raise ValueError(
                f"distances has {len(self.same)} and {len(self.different)} bins up to {self.upper}, allowed: equally many, "
                "at least 1, up to a distance above 0"
            )
        for name, shares in (("same", self.same), ("different", self.different)):
            if min(shares) < 0 or abs(sum(shares) - 1) > 0.01:
                raise ValueError(f"distances.{name} has shares that sum to {sum(shares)}, allowed: 1, each at least 0")


@dataclass(frozen=True)
class ModelFolderConfig:
    """The whole of `config.json`."""

    format_version: int = FORMAT_VERSION
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)
    calibration: Calibration = field(default_factory=Calibration)
    loss: LossConfig = field(default_factory=LossConfig)
    data: DataRecord = field(default_factory=DataRecord)
    training: TrainingRecord = field(default_factory=TrainingRecord)
    metrics: Metrics = field(default_factory=Metrics)
    history: tuple[EpochRecord, ...] = ()
    # The same for images of classes seen in training, where the test holds unseen ones and there were enough images
    seen: Metrics | None = field(default=None, metadata=ADDED_LATER)
    distances: DistanceCurve | None = field(default=None, metadata=ADDED_LATER)  # None: not recorded

    def __post_init__(self) -> None:
        if self.format_version != FORMAT_VERSION:
            raise ValueError(
                f"config.json has format_version {self.format_version}, this version of siamese reads {FORMAT_VERSION}: "
                "update siamese to use this model"
            )
        numbers, mode = self.preprocess.numbers, self.preprocess.mode
        if (numbers is not None) != (mode in NUMBER_MODES):
            raise ValueError(f"preprocess.numbers {'is given' if numbers else 'is missing'} with preprocess.mode {mode}")
        expected = None
        if numbers:
            columns = len(numbers.columns)
            expected = (columns,) if mode == "vectors" else (numbers.length, columns + 1)
        if self.encoder.shape != expected:
            raise ValueError(f"encoder.shape is {self.encoder.shape}, allowed with preprocess.mode {mode}: {expected}")

    def to_json(self) -> str:
        """Text of `config.json`; `from_json` gives back an equal config."""
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelFolderConfig":
        """Parse strictly. Raises ValueError naming the key for anything unknown, missing, mistyped or out of range."""
        try:
            raw = parse_json(text)
        except ValueError as error:
            raise ValueError(f"config.json is not valid JSON: {error}") from error
        # A newer format may have keys that this version does not know: say so before complaining about the keys.
        version = raw.get("format_version") if isinstance(raw, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise ValueError(
                f"config.json has format_version {version}, this version of siamese reads {FORMAT_VERSION}: "
                "update siamese to use this model"
            )
        return from_dict(cls, raw, "config.json")
