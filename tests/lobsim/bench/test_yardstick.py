"""The yardstick and the C reference beside the core, batches, snapshots, start: small runs, and what happens without them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lobsim.bench.answers import WrongAnswer
from lobsim.bench.batches import BatchRun, setup_for
from lobsim.bench.memory import measure_bytes, measure_snapshots
from lobsim.bench.tapes import measure_tape, tape_names
from lobsim.bench.yardstick import Unavailable, compile_reference, generate, measure_stream, read_stream, run_reference

MESSAGES = 20_000


@pytest.fixture(scope="module")
def files(shared: Path, small: bool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if small:
        pytest.skip("the yardstick's generator fills 100,000 orders: too slow uncompiled")
    return generate(shared / "yardstick", tmp_path_factory.mktemp("yardstick"), MESSAGES)


def test_core_and_reference_answer_alike_and_are_compared(files: dict[str, Path], shared: Path, tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    program, command = compile_reference(shared / "yardstick", tmp_path)
    assert command.startswith("cc -O3 -march=native")
    figures = measure_stream(files["shallow"], program, rounds=1)
    assert MESSAGES <= figures["messages"]
    assert figures["ratio"] > 0.2
    answers = read_stream(files["shallow"]).answers
    with pytest.raises(WrongAnswer, match="C reference, shallow: fills is"):
        run_reference(program, files["shallow"], replace(answers, fills=answers.fills + 1))


def test_without_a_reference_the_core_is_measured_alone(files: dict[str, Path]) -> None:
    figures = measure_stream(files["deep"], None, rounds=1)
    assert "ratio" not in figures
    assert figures["ns"] > 0


def test_without_the_folder_or_a_compiler_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r"no gen_stream\.py"):
        generate(tmp_path, tmp_path, 10)
    with pytest.raises(Unavailable, match=r"no lob_ref\.c"):
        compile_reference(tmp_path, tmp_path)
    (tmp_path / "lob_ref.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no C compiler"):
        compile_reference(tmp_path, tmp_path)


def test_a_tape_is_held_against_its_digest(shared: Path, small: bool) -> None:
    if small:
        pytest.skip("35,759 messages are too slow uncompiled")
    entry = tape_names(shared / "consensus_tapes")["quantcup-feed"]
    assert measure_tape(shared / "consensus_tapes", entry, 1)["digest_ok"]
    assert not measure_tape(shared / "consensus_tapes", entry | {"report_sha256": "0" * 64}, 1)["digest_ok"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_answers_as_its_streams_must(threads: int) -> None:
    run = BatchRun(setup_for(18, 20, 5, 180))
    assert run.time(threads) > 0


def test_a_batch_with_a_wrong_answer_is_refused() -> None:
    run = BatchRun(setup_for(3, 20, 5, 30))
    run.books[2].sides[0]["orders"] += 1
    with pytest.raises(WrongAnswer, match="book 2 ends with"):
        run.time()


def test_bytes_and_snapshots_are_reported_for_each_size() -> None:
    assert {"64", "100"} == set(measure_bytes((100,)))
    figures = measure_snapshots((100,), repeats=2)
    assert figures["100"]["bytes"] > figures["64"]["bytes"] / 4
    assert {"snapshot_us", "restore_us", "bytes"} == set(figures["64"])
