"""The Protocols that stages speak; adapters and the station's services implement them."""
