"""The model that a training starts from."""

import torch

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.model_folder.weights import load_model
from siamese.network import SiameseNetwork


def initial_model(source: str, encoder: EncoderConfig) -> tuple[SiameseNetwork, ModelFolderConfig]:
    """The network and the config of `source`. Raises ValueError where it is no model, or one that does not fit `encoder`.

    Images may be of another size where the weights do not depend on it: larger ones at the end of a training show more
    (Touvron et al. 2019, Fixing the train-test resolution discrepancy).
    """
    network, config = load_model(source)
    for name in ("name", "embedding_dim", "channels", "image_size"):
        wanted, found = getattr(encoder, name), getattr(config.encoder, name)
        if wanted != found and (name != "image_size" or shapes_of(network) != shapes_of(SiameseNetwork(encoder))):
            option = "encoder" if name == "name" else name.replace("_", "-")
            raise ValueError(f"--{option} is {wanted}, and the model of --init has {found}: leave it out, or --init")
    return network, config


def shapes_of(network: SiameseNetwork) -> dict[str, torch.Size]:
    """The shape of each of its tensors, by name."""
    return {name: tensor.shape for name, tensor in network.state_dict().items()}
