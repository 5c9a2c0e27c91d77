"""Chargers."""
