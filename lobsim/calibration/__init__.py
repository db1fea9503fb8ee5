"""The simulator held against the truth that order by order recordings contain: re-insertion, and queue models for level data."""
