"""A rack of simulated cameras, for the demo and for load."""
