"""Camera families: each in one place, with its quirks."""
