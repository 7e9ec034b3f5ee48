"""What surrounds, by photographs that show it: the heads of `encode/detectors/scenery`."""
