"""The compiled core against the slow venue over all order types, rules and phases.

Every report is compared in full, the state hash and the audit every hundred messages.  A failure names the profile, the seed and
the shortest prefix of its stream that shows it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lobsim.core.book import BookSize
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, MESSAGE, TERMS, OrderType, Verb
from tests.oracle.streams import records
from tests.oracle.typed_streams import PROFILES, Stream, typed_messages
from tests.support.engines import Answer, CoreEngine, Engine, EngineMaker, OracleEngine, core_has_rules

ROOMY = BookSize(timers=4096)
BATCH = 100
TERM_FIELDS = ("stop_ticks", "display_lots", "min_lots", "peg_ticks")


def first_difference(expected: list[Answer], got: list[Answer]) -> tuple[int, str] | None:
    """Where two lists of answers part: messages until then, and both lines."""
    if expected == got:
        return None
    place = next(i for i in range(len(expected) + len(got)) if expected[i : i + 1] != got[i : i + 1])
    lines = [lines[place] if place < len(lines) else None for lines in (expected, got)]
    return min(line[0] for line in lines if line is not None) + 1, f"oracle {lines[0]}\ncore   {lines[1]}"


def difference(slow: Engine, fast: Engine, stream: Stream, batch: int) -> tuple[int, str] | None:
    """Messages until the two part, and how; None if they never do."""
    for start in range(0, len(stream.messages), batch):
        part = stream.messages[start : start + batch]
        found = first_difference(slow.play(part), fast.play(part))
        if found is not None:
            return found
        if slow.state_hash() != fast.state_hash():
            return start + len(part), "the state hashes differ"
        fast.audit()
    return None


def assert_agrees(make: EngineMaker, stream: Stream, story: str) -> None:
    """An engine answers a stream as the slow venue does, or the test fails with the shortest prefix where it does not."""

    def compare(part: Stream, batch: int) -> tuple[int, str] | None:
        return difference(OracleEngine(part.rules, part.terms), make(part.rules, part.terms), part, batch)

    found = compare(stream, BATCH)
    if found is None:
        return
    shortest = compare(stream._replace(messages=stream.messages[: found[0]]), 1) or found
    message = stream.messages[shortest[0] - 1]
    last = dict(zip(message.dtype.names, message.tolist(), strict=True))
    terms = dict(zip(stream.terms.dtype.names or (), stream.terms[last["terms"]].tolist(), strict=True))
    pytest.fail(
        f"{story}: the first {shortest[0]} messages are enough\nrules  {stream.rules}\nlast   {last}\n"
        f"terms  {terms if last['terms'] else None}\n{shortest[1]}",
        pytrace=False,
    )


@core_has_rules
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("profile", PROFILES)
def test_random_commands_get_the_answers_of_the_slow_venue(
    profile: str, seed: int, limit: Callable[[int, int], int]
) -> None:
    count = limit(6_000, 500)
    stream = typed_messages(seed, count, profile)
    assert_agrees(
        lambda rules, terms: CoreEngine(rules, terms, ROOMY), stream, f"typed_messages({seed}, {count}, {profile!r})"
    )


@core_has_rules
def test_extreme_numbers_are_refused_and_never_wrap() -> None:
    extremes = (2**63 - 1, -(2**63), MAX_PRICE_TICKS, -MAX_PRICE_TICKS, MAX_SIZE_LOTS, 0, 1, -1)
    kinds = ({}, {"has_stop": 1}, {"peg": 1}, {"peg": 2}, {"peg": 3})
    terms = [{}] + [more | {name: number} for name in TERM_FIELDS for number in extremes for more in kinds]
    plain = {"size_lots": 9, "ts_ns": 1, "owner": 1}
    rows = [{"order_id": 1, "price_ticks": -5} | plain, {"order_id": 2, "price_ticks": 5, "side": 1} | plain]
    for row in range(len(terms)):
        for kind in OrderType:
            rows.append({"order_id": len(rows) + 1, "type": kind, "terms": row, "side": row % 2} | plain)
    for number in extremes:
        for more in ({"size_lots": 1}, {"size_lots": number}):
            rows.append({"verb": Verb.PHASE, "price_ticks": number} | more)
            rows.append({"verb": Verb.PHASE, "ts_ns": 1})
        rows += [{"verb": verb, "order_id": 1, "size_lots": number, "price_ticks": number} for verb in (2, 3)]
    stream = Stream(records(rows, MESSAGE), records(terms, TERMS), {})
    assert_agrees(lambda rules, table: CoreEngine(rules, table, ROOMY), stream, "extreme numbers")


def test_a_failure_names_the_shortest_prefix() -> None:
    class Forgetful(OracleEngine):
        """Leaves out the last answer to the 121st message and all later ones that have any."""

        def play(self, messages: object) -> list[Answer]:
            answers = super().play(messages)  # type: ignore[arg-type]
            last = {answer[0]: place for place, answer in enumerate(answers)}
            return [answer for place, answer in enumerate(answers) if answer[0] < 120 or last[answer[0]] != place]

    stream = typed_messages(1, 200)
    with pytest.raises(pytest.fail.Exception, match="the first 121 messages are enough"):
        assert_agrees(Forgetful, stream, "a slow venue that forgets")
