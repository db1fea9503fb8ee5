"""A packed file is read to its true end, or refused: cut, damaged, a bomb, or a name that leads out of its archive."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from lobsim.errors import DataError
from lobsim.feeds import limits
from lobsim.feeds.source import Source, sources_in

Pack = Callable[[bytes], bytes]

TEXT = b"".join(b"%d,%d\n" % (row, row * row % 97) for row in range(60_000))
NOISE = random.Random(7).randbytes(400_000)
PACKINGS: dict[str, Pack] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def whole(source: Source) -> bytes:
    """All bytes of a source."""
    return b"".join(source.blocks(65_536))


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """A zip with these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("pack", [*PACKINGS.values(), bytes], ids=[*PACKINGS, "plain"])
def test_a_file_is_unpacked_by_what_it_holds_whatever_it_is_called(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "monday.txt"
    path.write_bytes(pack(TEXT))
    source = Source(path)
    assert TEXT == whole(source)
    assert TEXT[:65_536] == source.head
    assert TEXT == b"".join(source.line_blocks(1000))
    assert all(block.endswith(b"\n") for block in source.line_blocks(1000))


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_file_of_several_members_is_read_to_the_end_of_the_last(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "parts"
    path.write_bytes(pack(TEXT[:1000]) + (b"" if pack is bz2.compress else pack(b"")) + pack(TEXT[1000:]))
    assert TEXT == whole(Source(path))


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_short_packed_file_that_is_cut_anywhere_is_refused(pack: Pack, tmp_path: Path) -> None:
    packed = pack(TEXT[:3000])
    path = tmp_path / "cut"
    for length in range(1, len(packed)):
        path.write_bytes(packed[:length])
        if length == 1:
            continue  # one byte is no magic number of anything
        with pytest.raises(DataError, match=r"cannot be unpacked.*cut or damaged: fetch it again"):
            whole(Source(path))


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_long_packed_file_that_is_cut_is_refused(pack: Pack, tmp_path: Path) -> None:
    packed = pack(NOISE)
    path = tmp_path / "cut"
    for length in (
        65_535,
        65_536,
        65_537,
        131_072,
        196_608,
        262_144,
        len(packed) - 8,
        len(packed) - 4,
        len(packed) - 1,
    ):
        path.write_bytes(packed[:length])
        with pytest.raises(DataError, match="cannot be unpacked"):
            whole(Source(path))
        path.write_bytes(packed + packed[:length])
        with pytest.raises(DataError, match="cannot be unpacked"):
            whole(Source(path))


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_what_follows_a_packed_stream_is_refused(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "more"
    path.write_bytes(pack(TEXT) + b"12,34\n")
    with pytest.raises(DataError, match="cannot be unpacked"):
        whole(Source(path))


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_bomb_is_refused_before_it_is_given_out(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 2**20)
    path = tmp_path / "bomb"
    path.write_bytes(pack(bytes(8 * 2**20)))
    given = 0
    with pytest.raises(DataError, match=r"it unpacks to more than \d+ bytes"):
        for block in Source(path).blocks(65_536):
            given += len(block)
    assert given <= max(2**20, limits.MAX_RATIO * path.stat().st_size)


def test_a_zip_gives_a_source_for_each_member_packed_or_not(tmp_path: Path) -> None:
    members = {"b.csv": TEXT, "deep/a.csv.gz": gzip.compress(TEXT), "c.zst": PACKINGS["zstd"](TEXT), "empty/": b""}
    sources = sources_in(zipped(tmp_path / "day.zip", members))
    assert ["b.csv", "c.zst", "a.csv.gz"] == [source.base for source in sources]
    assert [TEXT] * 3 == [whole(source) for source in sources]
    assert f"{tmp_path / 'day.zip'} (b.csv)" == sources[0].name


def test_a_file_of_its_own_is_its_only_source(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT)
    assert [None] == [source.member for source in sources_in(tmp_path / "a.csv")]


@pytest.mark.parametrize("name", ["../up.csv", "a/../../up.csv", "/etc/a.csv", "..\\up.csv", "C:\\a.csv", "C:/a.csv"])
def test_a_member_that_leads_out_of_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "evil.zip", {"fine.csv": TEXT, name: TEXT})
    with pytest.raises(DataError, match="climbs out of the archive; repack it"):
        sources_in(path)
    with pytest.raises(DataError, match="climbs out of the archive"):
        whole(Source(path, name))


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {"a.csv": bytes(limits.RATIO_FREE_BYTES + 1)})
    with pytest.raises(DataError, match=r"member a\.csv declares 16777217 bytes out of"):
        sources_in(path)
    with pytest.raises(DataError, match="declares 16777217 bytes"):
        whole(Source(path, "a.csv"))


def test_many_small_members_are_a_bomb_together(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {f"{number}.csv": bytes(10 * 2**20) for number in range(5)})
    with pytest.raises(DataError, match=r"member .*declares"):
        sources_in(path)


def test_a_zip_that_declares_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "lie.zip", {"a.csv": TEXT})
    data = path.read_bytes()
    path.write_bytes(data.replace(len(TEXT).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(DataError, match="cannot be unpacked"):
        whole(Source(path, "a.csv"))


def test_a_zip_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    good = zipped(tmp_path / "good.zip", {"a.csv": TEXT[:500], "b.csv": TEXT[:400]}).read_bytes()
    path = tmp_path / "cut.zip"
    for length in range(4, len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(DataError, match="not a whole zip archive"):
            sources_in(path)


def test_a_flipped_bit_in_a_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "day.zip", {"a.csv": TEXT})
    data = bytearray(path.read_bytes())
    data[5000] ^= 16
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"day\.zip \(a\.csv\): it cannot be unpacked"):
        whole(sources_in(path)[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_twice_or_with_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", b"1\n")
        archive.writestr("a.csv", b"2\n")
    with pytest.raises(DataError, match=r"holds member a\.csv twice"):
        sources_in(path)
    with pytest.raises(DataError, match="holds no file"):
        sources_in(zipped(tmp_path / "bare.zip", {"folder/": b""}))


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "locked.zip", {"a.csv": TEXT[:100]})
    data = bytearray(path.read_bytes())
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        data[data.index(start) + (6 if start == b"PK\x03\x04" else 8)] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        sources_in(path)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: there is no such file"):
        whole(Source(tmp_path / "absent.csv"))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1" * 100_000)
    with pytest.raises(DataError, match="a line is longer than 65536 bytes"):
        list(Source(tmp_path / "a.csv").line_blocks(1000))


def test_an_error_of_the_reader_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT)
    with pytest.raises(ValueError, match="mine"), Source(tmp_path / "a.csv").open() as stream:
        assert isinstance(stream, io.BufferedReader)
        raise ValueError("mine")
