"""Background participants: the crowd of a simulated market, one family of agents per file."""
