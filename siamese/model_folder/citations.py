"""Where the methods come from: what a model card cites, by the name of the loss and of the encoder ("" for none)."""

from siamese.config import ModelFolderConfig

SIAMESE = 'siamese networks: Bromley et al. (1993), *Signature Verification using a "Siamese" Time Delay Neural Network*'
FACENET = "Schroff, Kalenichenko and Philbin (2015), *FaceNet: A Unified Embedding for Face Recognition and Clustering*"
DEFENSE = "Hermans, Beyer and Leibe (2017), *In Defense of the Triplet Loss for Person Re-Identification*"
RESIDUAL = "residual networks: He et al. (2016), *Deep Residual Learning for Image Recognition*"
LOSSES = {
    "bce": "",
    "contrastive": "loss: Hadsell, Chopra and LeCun (2006), *Dimensionality Reduction by Learning an Invariant Mapping*",
    "triplet": f"loss: {FACENET}; {DEFENSE}",
    "triplet-hard": f"loss: {DEFENSE}",
    "triplet-semi-hard": f"loss: {FACENET}",
    "supcon": "loss: Khosla et al. (2020), *Supervised Contrastive Learning*",
    "proxy": "loss: Movshovitz-Attias et al. (2017), *No Fuss Distance Metric Learning using Proxies*; Teh, DeVries and "
    "Taylor (2020), *ProxyNCA++*",
}
ENCODERS = {
    "compact": "",
    "residual": RESIDUAL,
    "seed": "",
    "resnet18": RESIDUAL,
    "hog": "features: Dalal and Triggs (2005), *Histograms of Oriented Gradients for Human Detection*; their metric: Hatch, "
    "Kajarekar and Stolcke (2006), *Within-Class Covariance Normalization for SVM-based Speaker Recognition*",
}
ROTATIONS = "rotated classes: Santoro et al. (2016), *Meta-Learning with Memory-Augmented Neural Networks*"
COVERING = "covering a part of photographs: DeVries and Taylor (2017), *Improved Regularization of CNNs with Cutout*"
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
        ENCODERS[config.encoder.name],
        LOSSES[config.loss.name],
        ROTATIONS if "--rotations" in training.command else "",
        COVERING if training.augment and config.preprocess.mode == "photo" else "",
        AVERAGE,
        CALIBRATION,
    ]
    return "\n".join(f"- {source[0].upper()}{source[1:]}" for source in used if source)
