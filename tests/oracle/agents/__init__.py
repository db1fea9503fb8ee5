"""Slow, obvious twins of the families of background agents."""
