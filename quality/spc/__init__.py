"""Statistical process control: numpy and scipy only, usable without the rest of the system.

See README.md beside this file for the interface on one page.
"""
