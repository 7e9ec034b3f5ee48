"""Who judges clips of the made world, and how judged clips become figures."""

from pathlib import Path

import numpy as np
import pytest

from storysound.errors import MissingModelError
from storysound.progress import Watch
from storysound.research.tavg.small.evaluate import (
    AGREEMENTS,
    JudgedClips,
    above,
    in_step,
    real,
    shuffles,
    wrong_texts,
)  # fmt: skip
from storysound.research.tavg.small.judges import (
    CURVE,
    STEP_S,
    VALUES,
    Judges,
    contact_curve,
    contacts,
    fit_of,
    judge_losses,
    matched,
    read_judges,
)  # fmt: skip
from storysound.research.tavg.small.settings import SmallTavJudging
from storysound.research.tavg.small.train_judges import clips_of, judge_batch
from storysound.research.tavg.world.clips import made_clip
from storysound.research.tavg.world.combinations import FIELDS, Combination

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")


def test_contacts_are_found_in_the_curve_of_their_times() -> None:
    times = (0.31, 0.52, 1.4)
    logits = np.log(np.clip(contact_curve(times), 1e-4, 1 - 1e-4) / (1 - np.clip(contact_curve(times), 1e-4, 1 - 1e-4)))
    np.testing.assert_allclose(contacts(logits, 0.3), times, atol=0.3 * STEP_S)
    assert not len(contacts(np.full(CURVE, -3.0, np.float32), 0.3))
    assert not contact_curve(()).any()


def test_a_contact_at_the_very_end_is_one() -> None:
    logits = np.full(CURVE, -5.0, np.float32)
    logits[-1] = 4.0
    np.testing.assert_allclose(contacts(logits, 0.5), 2.0 - STEP_S / 2, atol=STEP_S / 2)


@pytest.mark.parametrize(
    ("seen", "heard", "count"),
    [([0.5], [0.57], 1), ([0.5], [0.59], 0), ([0.5, 0.6], [0.55], 1), ([0.5, 0.62], [0.56, 0.45], 2), ([], [0.5], 0)],
)
def test_each_heard_contact_answers_one_that_is_seen(seen: list[float], heard: list[float], count: int) -> None:
    assert matched(np.array(seen), np.array(heard)) == count


def test_the_fit_is_the_sum_of_log_probabilities() -> None:
    shows = {name: torch.zeros(2, len(values)) for name, values in VALUES.items()}
    asked = [Combination("ball", "glass", "wood", "twice"), Combination("bell", "metal", "rubber", "once")]
    even = -sum(np.log(len(values)) for values in VALUES.values())
    np.testing.assert_allclose(fit_of(shows, asked).numpy(), even, rtol=1e-5)
    shows["kind"][0, VALUES["kind"].index("ball")] = 50.0
    assert fit_of(shows, asked)[0].item() == pytest.approx(even + np.log(len(VALUES["kind"])), rel=1e-5)


def test_steps_teach_the_judges_and_every_weight_learns() -> None:
    torch.manual_seed(0)
    network = Judges(width=16)
    first = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    clips = [made_clip("train", seed) for seed in range(4)]
    batch = judge_batch(clips, None, torch.device("cpu"), 0)
    optimiser = torch.optim.AdamW(network.parameters(), 0.003, weight_decay=0)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        found = judge_losses(network, batch)["loss"]
        found.backward()
        optimiser.step()
        losses.append(found.item())
    assert losses[-1] < 0.9 * losses[0]
    assert not [name for name, weight in network.named_parameters() if torch.equal(weight, first[name])]


def test_judges_are_saved_and_read(tmp_path: Path) -> None:
    network = Judges()
    network.save(tmp_path)
    read = read_judges(tmp_path)
    torch.testing.assert_close(read.verdict.weight, network.verdict.weight.half().float())
    with pytest.raises(MissingModelError, match="judges of the made world"):
        read_judges(tmp_path / "nowhere")


def test_judges_learn_from_clips_that_generators_dont() -> None:
    clips = clips_of("train", 2, Watch())
    assert all((clips[0].frames != made_clip("train", seed).frames).any() for seed in range(3))


def test_shuffled_clips_are_others_and_of_one_kind_where_there_are_some() -> None:
    kinds = ["ball", "bell", "ball", "drum", "bell", "ball"]
    other, alike = shuffles(kinds, np.random.default_rng(0))
    assert (other != np.arange(6)).all()
    assert (alike != np.arange(6)).all()
    assert all(kinds[i] == kinds[alike[i]] for i in (0, 1, 2, 4, 5))
    combinations = [Combination("ball", "glass", "wood", rhythm) for rhythm in ("once", "once", "twice")]
    assert wrong_texts(combinations, np.random.default_rng(0))[:2] == [2, 2]


def test_in_step_counts_seen_contacts_of_clips_that_have_some() -> None:
    times = (np.array([0.5, 1.0]), np.array([0.7]), np.array([1.5]))
    heard = (np.array([0.5]), np.array([0.7]), np.array([0.1]))
    nothing = torch.zeros(3, 1, 1)
    found = JudgedClips(
        times, heard, nothing, nothing, np.zeros((3, 1)), np.zeros((3, 1)), dict.fromkeys(FIELDS, nothing)
    )
    recipe = SmallTavJudging(draws=20)
    share, (low, high) = in_step(found, np.arange(3), np.array([True, True, False]), recipe)
    assert share == pytest.approx(2 / 3)
    assert 0 <= low <= share <= high <= 1
    assert in_step(found, np.array([1, 0, 2]), np.array([True, True, False]), recipe)[0] == 0
    shares = {name: in_step(found, np.arange(3), np.array([True, True, False]), recipe, of)[0] for name, of in
              AGREEMENTS.items()}  # fmt: skip
    assert shares == pytest.approx({"in_step": 2 / 3, "in_step_heard": 1.0, "in_step_both": 0.8})
    np.testing.assert_array_equal(above(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0])), [1, 0.5, 0])


def test_real_clips_are_what_judges_take() -> None:
    frames, mels = real([made_clip("test", 0), made_clip("test", 1)])(0, 2)
    found = Judges(width=16)(frames, mels)
    assert found.seen.shape == found.heard.shape == (2, CURVE)
    assert frames.min() >= -1
    assert frames.max() <= 1
