"""The box's own services."""
