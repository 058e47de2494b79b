"""One process of the evidence: measures or trains, and sends what it finds; `runners.gpu_evidence` starts and ends
it.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from runners.gpu_evidence.children import DONE, Sender

PARTS = ("costs", "curves", "compiled", "training")


def main(argv: Sequence[str] | None = None) -> int:
    """Do the parts that are named, one after the other."""
    p = argparse.ArgumentParser(prog="python -m runners.gpu_evidence.worker", description=__doc__)
    p.add_argument("--parts", nargs="+", choices=PARTS, required=True, help="what to do")
    p.add_argument("--device", choices=("cpu", "cuda"), required=True, help="where")
    p.add_argument("--seconds", type=float, required=True, help="for all of it")
    p.add_argument("--quick", action="store_true", help="the dry run")
    p.add_argument("--skip", type=int, default=0, metavar="N", help="first N networks that are not compiled (again)")
    p.add_argument("descriptor", type=int, help="the open file descriptor that records are written to")
    options = p.parse_args(argv)
    end = time.monotonic() + options.seconds
    send = Sender(options.descriptor)

    from runners.gpu_evidence import costs

    extent = costs.Extent(options.device, options.quick)
    send({"kind": "machine", **costs.machine(options.device)})
    for place, part in enumerate(options.parts):
        given = (end - time.monotonic()) / (len(options.parts) - place)
        if part == "costs":
            costs.measure_costs(send, extent, given)
        elif part == "curves":
            costs.measure_curves(send, extent, given)
        elif part == "compiled":
            costs.measure_compiled(send, extent, given, options.skip)
        else:
            from runners.gpu_evidence.training import train_and_judge

            train_and_judge(send, options.device, options.quick, given)
    send({"kind": DONE})
    return 0


if __name__ == "__main__":
    sys.exit(main())
