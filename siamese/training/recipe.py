"""What a training does where nobody says: numbers that follow from the data, the same on the terminal and the page."""

BATCHES = ((1000, 32), (10_000, 64))  # below so many images, so many in a batch
LARGEST_BATCH = 256


def batch_size_for(images: int) -> int:
    """Images in a batch of a training that has so many in all.

    In large batches, the few epochs over a small set are too few steps to learn from.
    """
    return next((size for below, size in BATCHES if images < below), LARGEST_BATCH)
