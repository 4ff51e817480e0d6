"""Where the methods come from that made a model: what its card cites."""

from siamese.config import ModelFolderConfig
from siamese.encoders import encoder_class
from siamese.losses import loss_class

SIAMESE = 'siamese networks: Bromley et al. (1993), *Signature Verification using a "Siamese" Time Delay Neural Network*'
ROTATIONS = "rotated classes: Santoro et al. (2016), *Meta-Learning with Memory-Augmented Neural Networks*"
COMPOSITIONS = (
    "signs put together from two: after Yun et al. (2019), *CutMix: Regularization Strategy to Train Strong Classifiers*"
)
COVERING = "covering a part of photographs: DeVries and Taylor (2017), *Improved Regularization of CNNs with Cutout*"
ASPECT = (
    "proportions of drawings: Liu et al. (2004), *Handwritten digit recognition: investigation of normalization and feature "
    "extraction techniques*"
)
AVERAGE = "averaged weights: Shamir and Zhang (2013), *Stochastic Gradient Descent for Non-smooth Optimization*"
CALIBRATION = (
    "probabilities: Platt (1999), *Probabilistic Outputs for Support Vector Machines*; calibration error: Naeini, Cooper "
    "and Hauskrecht (2015), *Obtaining Well Calibrated Probabilities Using Bayesian Binning*"
)


def citations(config: ModelFolderConfig) -> str:
    """The sources of all that made a model, as a Markdown list."""
    training = config.training
    used = [
        SIAMESE,
        encoder_class(config.encoder.name).citation,
        loss_class(config.loss.name).citation,
        ROTATIONS if "--rotations" in training.command else "",
        COMPOSITIONS if "--compose" in training.command else "",
        COVERING if training.augment and config.preprocess.mode == "photo" else "",
        ASPECT if config.preprocess.aspect == "adaptive" else "",
        AVERAGE,
        CALIBRATION,
    ]
    return "\n".join(f"- {source[0].upper()}{source[1:]}" for source in used if source)
