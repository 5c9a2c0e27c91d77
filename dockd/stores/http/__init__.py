"""What every family that speaks HTTP shares: connections, bodies, replies, credentials in files."""
