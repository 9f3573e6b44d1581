"""Warnings in three colours as case files: what is wrong, why, since when, who does what about it, and whether it helped."""
