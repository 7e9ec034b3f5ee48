"""What SoSgen can be taught to hear, and what it can be sampled by: names that settings need before torch is loaded."""

from typing import Literal

Variant = Literal["text", "image", "text+image"]
FIXED_TEXT = "Audio"  # of the variant that hears pictures alone, in training and after it (Sound of Story, Fig. 5)
SamplerName = Literal["ddim", "dpm-solver"]
