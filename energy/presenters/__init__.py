"""What energy's pages show: plain dataclasses, finished words, finished SVG. Nothing here queries."""
