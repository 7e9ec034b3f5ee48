"""What things are made of: how fast sound runs in it, how soon it dies away, how hard and of which colour it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """Handbook values, rounded.

    `speed_m_s` is √(E/ρ) of a bar. `loss` is the tangent of the angle of internal friction, tan φ, by which a mode of
    f Hz dies away at π f tan φ (Wildes and Richards 1988; Klatzky, Pai and Krotkov 2000): the order rubber, plastic,
    wood, stone, clay, glass, metal is handbooks'; the values are above those of free pieces, as things are held.
    `contact_s` is how long a hard blow lasts with it.
    """

    speed_m_s: float
    loss: float
    contact_s: float
    colour: tuple[int, int, int]


MATERIALS: dict[str, Material] = {
    "glass": Material(5300, 0.003, 0.0003, (130, 225, 235)),
    "wood": Material(3800, 0.025, 0.0010, (178, 112, 52)),
    "metal": Material(5050, 0.0012, 0.00025, (196, 202, 218)),
    "rubber": Material(180, 0.25, 0.0035, (222, 52, 60)),
    "stone": Material(4300, 0.012, 0.0004, (150, 142, 116)),
    "plastic": Material(1600, 0.04, 0.0012, (250, 214, 50)),
    "clay": Material(4600, 0.010, 0.0004, (226, 112, 70)),
    "skin": Material(1500, 0.05, 0.003, (240, 226, 196)),
    "nylon": Material(1800, 0.02, 0.002, (240, 150, 220)),
    "hand": Material(1500, 0.1, 0.002, (238, 180, 148)),
    "water": Material(1480, 0.02, 0.001, (70, 130, 240)),
}
