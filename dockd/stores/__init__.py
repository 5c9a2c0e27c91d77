"""Central stores, one family a module, and the wrappers around any of them."""
