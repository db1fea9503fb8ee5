"""Simulated markets: presets in, running markets and recorded days out."""

from lobsim.simulation.market import SimulatedDay, Simulation, SimulationRun
from lobsim.simulation.preset import Preset, load_preset, preset_names

__all__ = ["Preset", "SimulatedDay", "Simulation", "SimulationRun", "load_preset", "preset_names"]
