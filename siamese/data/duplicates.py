"""Near duplicates: copies of one picture that were saved again, resized, or made a little brighter.

Two images are near duplicates where their thumbnails correlate. Hashes of the thumbnails (random hyperplanes, Charikar
2002) say which to compare: near ones are neighbours in at least one of several sorted orders of the hashes, so that time
grows with the number of images and not with its square.
"""

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE = 24  # px of a thumbnail
# Copies saved as JPEG of quality 40, shrunk to 0.7 or brightened still reach 0.996; two photographs of a person in one pose
# reach 0.993, and of 60,000 digits of 28 px, which have little to tell them apart, 3 pairs are nearer than this.
LEAST_CORRELATION = 0.995
LEAST_DEVIATION = 1.0  # of 255, the standard deviation of a thumbnail: one of a single tone is like any other
BITS, MOST_BITS_APART = 64, 8
SHIFT, NEIGHBOURS = 4, 4  # sorted orders start at every 4th bit; in each, an image is compared with 4 that follow
MOST_COPIES = 20  # more images than that which are all alike may be alike by nature, as frames of a fixed camera are
ROWS = 4096  # thumbnails at a time: bounds the memory


def thumbnail(image: Image.Image, channels: int) -> np.ndarray:
    """The whole picture, squeezed into a square: uint8 (SIDE, SIDE), or (SIDE, SIDE, 3) for 3 channels."""
    if image.mode in ("LA", "RGBA"):
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0))


def near_duplicates(thumbnails: np.ndarray) -> tuple[np.ndarray, int]:
    """For each thumbnail, uint8 (N, SIDE, SIDE[, 3]), the first image of its group of near duplicates: int64 (N,).

    An image that is like no other is its own group. What is like one of a group belongs to it, however large that grows. The
    second result is the number of images in groups of more than MOST_COPIES.
    """
    count = len(thumbnails)
    codes, group = _hashes(thumbnails), np.arange(count)
    for shift in range(0, BITS, SHIFT):
        order = np.argsort((codes << np.uint64(shift)) | (codes >> np.uint64((BITS - shift) % BITS)), kind="stable")
        found = []
        for step in range(1, NEIGHBOURS + 1):
            first, second = order[:-step], order[step:]
            is_candidate = np.bitwise_count(codes[first] ^ codes[second]) <= MOST_BITS_APART
            is_candidate &= group[first] != group[second]
            candidates = np.stack([first[is_candidate], second[is_candidate]], axis=1)  # (C, 2)
            for start in range(0, len(candidates), ROWS):
                a, b = candidates[start : start + ROWS].T
                correlation = (_normalised(thumbnails[a]) * _normalised(thumbnails[b])).sum(axis=1)
                found.append(candidates[start : start + ROWS][correlation >= LEAST_CORRELATION])
        if sum(map(len, found)):
            group = _join(group, np.concatenate(found))
    is_alike = np.bincount(group)[group] > MOST_COPIES
    return group, int(is_alike.sum())


def _join(group: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The groups once those of the images of each pair (M, 2) are one."""
    graph = coo_array((np.ones(len(pairs)), tuple(group[pairs].T)), shape=(len(group), len(group)))
    joined = connected_components(graph, directed=False)[1][group]  # (N,)
    _, first, number = np.unique(joined, return_index=True, return_inverse=True)
    return first[number]


def _hashes(thumbnails: np.ndarray) -> np.ndarray:
    """uint64 (N,): on which side of each hyperplane a thumbnail lies."""
    planes = np.random.default_rng(0).standard_normal((thumbnails[0].size, BITS)).astype(np.float32)
    codes = np.empty(len(thumbnails), np.uint64)
    for start in range(0, len(thumbnails), ROWS):
        sides = _normalised(thumbnails[start : start + ROWS]) @ planes > 0  # (R, BITS)
        codes[start : start + ROWS] = np.packbits(sides, axis=1).view(np.uint64)[:, 0]
    return codes


def _normalised(thumbnails: np.ndarray) -> np.ndarray:
    """Of mean 0 and length 1, float32 (N, D), so that products are correlations; 0 where there is hardly any contrast."""
    values = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    deviation = values.std(axis=1, keepdims=True)
    return values / (np.maximum(deviation, 1e-6) * values.shape[1] ** 0.5) * (deviation >= LEAST_DEVIATION)
