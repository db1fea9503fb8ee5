"""The compiled floor: numpy, numba and ``lobsim.types``, nothing else."""
