"""How many comparisons of two recordings a second `spkr serve` answers on this machine, and how long each takes.

    python benchmarks/serve_load.py an4.spkr a.wav b.wav [--clients 100] [--requests 1000]

The clients run on the same machine, and take some of its time.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import numpy as np


def main() -> None:
    """Start a server, ask it, print the figures."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("a")
    p.add_argument("b")
    p.add_argument("--clients", type=int, default=100)
    p.add_argument("--requests", type=int, default=1000)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["serve", args.model, f"{folder}/store", "--port", "0", "--rate", "0", "--queue", str(args.clients)]
        begin = time.perf_counter()
        server = subprocess.Popen([sys.executable, "-m", "spkr", *command], stderr=subprocess.PIPE, text=True)
        try:
            while not (ready := re.search(r"ready: (\S+)", line := server.stderr.readline())):
                if not line:
                    sys.exit("the server did not start")
            print(f"ready after {time.perf_counter() - begin:.1f} s")
            ask(ready[1], args)
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate()


def ask(url: str, args: argparse.Namespace) -> None:
    """Compare the two files so many times, and print how long it took."""
    files = [(field, ("x", Path(path).read_bytes())) for field, path in (("a", args.a), ("b", args.b))]
    with httpx.Client(timeout=600, limits=httpx.Limits(max_connections=None)) as http:

        def timed(_: int) -> float:
            begin = time.perf_counter()
            http.post(f"{url}/verify", files=files).raise_for_status()
            return time.perf_counter() - begin

        timed(0)
        with ThreadPoolExecutor(args.clients) as pool:
            begin, cpu = time.perf_counter(), cpu_seconds(http, url)
            seconds = list(pool.map(timed, range(args.requests)))
            rate = args.requests / (time.perf_counter() - begin)
            cpu = cpu_seconds(http, url) - cpu
        half, most = np.percentile(seconds, [50, 95])
        print(f"{args.clients} clients: {rate:.1f} comparisons a second; half answered in {half:.2f} s, 95 % in "
              f"{most:.2f} s; "
              f"{cpu / args.requests:.3f} s of processor time each")  # fmt: skip


def cpu_seconds(http: httpx.Client, url: str) -> float:
    """The processor time that the server has used, by its /metrics."""
    return float(re.search(r"^process_cpu_seconds_total (\S+)", http.get(f"{url}/metrics").text, re.M)[1])


if __name__ == "__main__":
    main()
