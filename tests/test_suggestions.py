"""What may have been meant: the nearest name, and none where none is near."""

import pytest

from siamese.data.datasets import load_dataset
from siamese.encoders import encoder_class
from siamese.hub.sources import locate_model
from siamese.losses import loss_class
from siamese.suggestions import did_you_mean


def test_the_nearest_name_is_suggested_whatever_its_case_and_none_that_is_far():
    assert did_you_mean("mnsit", ["kmnist", "mnist"]) == "; did you mean mnist?"
    assert did_you_mean("MNIST", ["kmnist", "mnist"]) == "; did you mean mnist?"
    assert did_you_mean("faces", ["mnist"]) == did_you_mean("", ["mnist"]) == did_you_mean("mnist", []) == ""


@pytest.mark.parametrize(
    ("call", "mistyped", "meant"),
    [
        (lambda name: load_dataset(name, "data", None, None), "mnist_sample", "mnist-sample"),
        (encoder_class, "compcat", "compact"),
        (loss_class, "triplt", "triplet"),
        (locate_model, "digit", "digits"),
    ],
    ids=["dataset", "encoder", "loss", "model"],
)
def test_messages_on_names_say_what_may_have_been_meant(call, mistyped, meant):
    with pytest.raises(ValueError, match=f"did you mean {meant}\\?$"):
        call(mistyped)
    with pytest.raises(ValueError, match="xylophone") as caught:
        call("xylophone")
    assert "did you mean" not in str(caught.value)
