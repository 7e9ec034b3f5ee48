"""Which preset of a font plays a program of General MIDI, and what is said where it has none."""

from storysound.media.soundfont.font import PERCUSSION_BANK, Preset, SoundFont

FAMILY = 8  # programs of one family: pianos, chromatic percussion, organs …


def choose(font: SoundFont, program: int, *, drums: bool) -> tuple[Preset | None, str]:
    """The preset for a program, or a drum kit, and "" or one line that says what stands in for it.

    Before all others comes bank 0, then the same program of other banks, then the nearest of its family, then the
    nearest of all. A kit is never played by an instrument, nor an instrument by a kit: such a part is silent.
    """
    presets = [each for each in font.presets if (each.bank == PERCUSSION_BANK) == drums]
    what = "drum kit" if drums else "program"
    if not presets:
        return None, f"{font.path.name} has no {'drum kit' if drums else 'instrument'}: that part is silent"

    def distance(preset: Preset) -> tuple[bool, int, int]:
        strange = not drums and preset.program // FAMILY != program // FAMILY
        return strange, abs(preset.program - program), preset.bank

    nearest = min(presets, key=distance)
    if nearest.program == program:
        return nearest, ""
    return nearest, f"{font.path.name} has no {what} {program}: {nearest.name} ({nearest.program}) plays instead"
