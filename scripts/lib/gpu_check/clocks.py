"""What nvidia-smi says of clocks, so that a figure can be told from a throttled one."""

import shutil
import subprocess

QUERY = "index,name,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw,utilization.gpu"


def now():
    """A list with a text for each GPU; empty where there is no nvidia-smi, or it fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, f"--query-gpu={QUERY}", "--format=csv,noheader"],
                              capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def gpus():
    return {"query": QUERY, "answers": now()}
