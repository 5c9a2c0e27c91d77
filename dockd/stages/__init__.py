"""The journey, in order: each stage is a verb and reads as its own sentence."""
