"""Placeholder until the table of metaorders is merged."""

from __future__ import annotations

from lobsim.core.jit import kernel


@kernel
def close_metaorder(scene, index, side, start_ns, end_ns, lots, children):
    """Nothing yet."""
