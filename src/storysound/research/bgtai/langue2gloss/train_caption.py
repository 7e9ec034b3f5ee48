"""`storysound train caption`: sentences about sounds, by the network and the training of Langue2Gloss.

From lines `sound<TAB>caption`, or, where the profile's ears speak the text encoder's space, from captions alone.
"""

from storysound.research.bgtai.langue2gloss import train as train_langue2gloss
from storysound.train.loop import Tell
from storysound.weights.resolver import Resolver

Recipe = train_langue2gloss.Recipe


def train(recipe: Recipe, weights: Resolver, tell: Tell) -> float:
    """Runs the recipe, or goes on with it; raises as `train_langue2gloss.train`."""
    return train_langue2gloss.learn(recipe, "caption", weights, tell)
