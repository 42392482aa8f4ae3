"""The parts of scripts/gpu-check: pack, run, and what a run is made of."""
