from __future__ import annotations

from pathlib import Path

from spc_site.lib.hashing import content_hash


def test_a_file_and_its_bytes_have_the_published_hash(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1: SHA-256 of "abc"
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert content_hash(path) == content_hash(b"abc") == expected
