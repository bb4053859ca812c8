"""Memory that is freed is kept, so that later passes ask the kernel for none."""

import subprocess
import sys

CODE = """
import resource, sys
import torch
from rostfine.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(64 * 2**20 // 4).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

# The heap may still grow in the first ten passes or so.
print(min(new_pages() for _ in range(40)))
"""


def pages_of_a_later_pass(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_later_pass_over_kept_memory_asks_for_hardly_a_page():
    # 64 MiB are 16,384 pages of 4 KiB, or 32 huge ones.
    kept, given_back = pages_of_a_later_pass("kept"), pages_of_a_later_pass("given back")
    assert kept < 10
    assert given_back > 30
