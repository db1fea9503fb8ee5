"""Learning to execute: the policies see the market only through ``execution``."""
