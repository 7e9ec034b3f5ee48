"""Listen and Look (MAC, 2022)."""
