"""Stylised facts of one day, each with its estimator, its band and a verdict (``catalogue``)."""
