"""Row 6: what people touch. Commands call one job each."""
