"""Key frames of a story by clustering fingerprints: many for dynamic scenes, few for static ones.

Sound of Story, 3.3, as its clustering library does it: agglomerative clustering with average linkage on Euclidean
distances, cut at (1 - similarity) of the largest distance. Clusters of one picture are kept.

Corrected: that cut is relative, so a static scene, whose largest distance is small, falls into nearly as many clusters
as it has pictures, against what the paper wants. A floor under the cut keeps it together; 0 is the paper's.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy
from scipy.spatial import distance

SIMILARITY = 0.5  # Sound of Story, 3.3
# Of the mean length of the fingerprints; the largest distance is 0.5 to 0.8 of it in static clips, else 1.0 to 1.3.
FLOOR = 0.5


def clusters(fingerprints: ArrayLike, similarity: float = SIMILARITY, floor: float = 0.0) -> NDArray[np.int64]:
    """Cluster of each fingerprint [n d] as [n], numbered from 0 in order of their first members.

    `similarity` in [0, 1]: 0 puts all into one cluster, 1 parts all that differ. `floor`: the cut is never below this
    share of the mean length of the fingerprints.

    >>> clusters([[0.0], [0.1], [9.0], [0.0], [10.0]]).tolist()
    [0, 0, 1, 0, 1]
    """
    vectors = np.asarray(fingerprints, np.float64)
    if not 0 <= similarity <= 1:
        raise ValueError(f"similarity must lie in [0, 1], got {similarity}")
    if floor < 0:
        raise ValueError(f"floor must be 0 or more, got {floor}")
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ValueError(f"fingerprints must be finite [n d], got {vectors.shape}")
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    apart = distance.pdist(vectors)
    tree = hierarchy.linkage(apart, "average")
    cut = max(apart.max() * (1 - similarity), floor * np.linalg.norm(vectors, axis=1).mean())
    found = hierarchy.fcluster(tree, cut, "distance")
    _, firsts, own = np.unique(found, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(firsts))[own], np.int64)


def representatives(fingerprints: ArrayLike, similarity: float = SIMILARITY, floor: float = 0.0) -> NDArray[np.int64]:
    """Of each cluster the member nearest to all others, the earliest of equals: indices [k] in time order.

    >>> representatives([[0.0], [0.1], [9.0], [0.0], [10.0]]).tolist()
    [0, 2]
    """
    vectors = np.asarray(fingerprints, np.float64)
    own = clusters(vectors, similarity, floor)
    chosen = []
    for number in range(int(own.max(initial=-1)) + 1):
        members = np.flatnonzero(own == number)
        sums = distance.squareform(distance.pdist(vectors[members])).sum(axis=1) if len(members) > 1 else np.zeros(1)
        nearest = np.flatnonzero(sums <= sums.min() * (1 + 1e-9))[0]  # rounding must not break ties
        chosen.append(int(members[nearest]))
    return np.asarray(sorted(chosen), np.int64)
