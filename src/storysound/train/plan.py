"""How long and how hard a model is trained. No torch here: settings are checked before it is loaded."""

from dataclasses import dataclass

CHECKPOINT = "last.ckpt"  # of a run: everything needed to go on


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how hard to train."""

    steps: int
    rate: float = 1e-3  # AdamW's learning rate at its highest
    warmup: int = 200  # steps to get there
    decay_share: float = 0.3  # of the steps: the last ones, in which the rate falls to zero as a cosine
    weight_decay: float = 0.01  # of weights with two or more axes
    clip: float = 5.0  # largest norm of the gradient
    ema: float = 0.999  # of the averaged weights, which are what is evaluated and kept
    accumulation: int = 1  # batches of a step, whose gradients are added up
    show_every: int = 50  # steps
    evaluate_every: int = 2000
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        fits = 0 <= self.decay_share <= 1 and 0 <= self.ema < 1
        if min(self.steps, self.evaluate_every, self.accumulation) < 1 or self.rate <= 0 or not fits:
            wanted = "steps and evaluate_every >= 1, rate > 0, decay_share in [0, 1], ema in [0, 1), accumulation >= 1"
            raise ValueError(f"needs {wanted}, got {self}")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step: warm-up, stable, decay (Hu et al. 2024, MiniCPM, section 4).

        >>> [round(TrainingPlan(100, 1.0, warmup=10, decay_share=0.5).rate_at(s), 2) for s in (0, 9, 40, 75, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        import torch  # settings hold plans, and are listed without it

        left = (self.steps - step) / max(self.decay_share * self.steps, 1)
        fall = 0.5 - 0.5 * float(torch.cos(torch.tensor(torch.pi * min(left, 1.0))))
        return self.rate * min(1.0, (step + 1) / max(self.warmup, 1)) * fall
