"""What this processor can do at most: arithmetic a second, and reading speed of each memory.

Run: python benchmarks/machine.py [--quick]
"""

import argparse

from clew.kernels import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seconds instead of ten")
    found = machine.measure(seconds=2 if parser.parse_args().quick else 10)
    every = f"{found.threads} threads"
    print(f"instructions: {found.target}")
    print(f"{'':28}{'1 thread':>12}{every:>12}")
    for title, one, many in (
        ("float32, GFLOP/s", found.float32_gflops, found.float32_gflops_all),
        ("float64, GFLOP/s", found.float64_gflops, found.float64_gflops_all),
        ("first cache, GB/s", found.l1, None),
        ("second cache, GB/s", found.l2, None),
        ("third cache, GB/s", found.l3, None),
        ("memory, GB/s", found.memory, found.memory_all),
    ):
        print(f"{title:28}{one:12.1f}" + ("" if many is None else f"{many:12.1f}"))


if __name__ == "__main__":
    main()
