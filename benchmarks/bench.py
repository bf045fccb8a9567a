from __future__ import annotations
import importlib, sys
from stage import Stage
from harness import Noise
from dataclasses import replace
import time
def main():
    names=[a for a in sys.argv[1:] if not a.startswith('-')]
    with Stage.set_up(is_tiny='--tiny' in sys.argv) as stage:
        for n in names:
            before=Noise.now()
            b=time.time()
            for row in importlib.import_module(n).rows(stage):
                print(' | '.join(replace(row,noise=before).cells()), f'[{before.spread:.2f}] {time.time()-b:.1f}s', flush=True)
main()
