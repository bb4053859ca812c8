"""The published command lines, `train.py` and `test.py`, as experiments of this project."""
