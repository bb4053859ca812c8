"""Sperm heads in stained pictures: found, outlined, and called good or bad, by Mask R-CNN."""
