"""What the station asks of central operations beside the stores."""
