"""``lobsim prepare``: copies of stored days that are there at once when a day is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lobsim.cli.data_source import DateOption, SymbolOption
from lobsim.cli.output import JsonOption, print_facts, print_json, print_text, progress

StoreArgument = Annotated[str, typer.Argument(metavar="STORE", help='What "lobsim import" wrote, or one day of it.')]
RemoveOption = Annotated[bool, typer.Option("--remove", help="Take the copies away again.")]


def prepare(
    store: StoreArgument,
    symbol: SymbolOption = None,
    date: DateOption = None,
    remove: RemoveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make prepared copies of stored days: uncompressed, mapped into memory when a day is loaded.

    A copy takes about twenty times the space of the Parquet file beside
    it, which stays what counts: a copy that does not fit it, or is
    damaged, is set aside. Copies that are there and fit are left alone.
    """
    if remove:
        _remove(store, symbol, date, as_json)
        return
    from lobsim.feeds.prepared import prepare as prepare_store

    with progress(f"preparing {Path(store).name}", None):
        copies = prepare_store(store, symbol, date)
    total = sum(each.nbytes for each in copies)
    if as_json:
        days = [each._asdict() | {"folder": str(each.folder)} for each in copies]
        print_json({"datasets": days, "bytes": total})
        return
    for each in copies:
        state = "made" if each.is_new else "there already"
        facts = {"copy": state, "rows": f"{each.rows:,}", "bytes": f"{each.nbytes:,}", "digest": each.digest}
        print_facts(f"{each.symbol} {each.date}, prepared", facts | {"folder": str(each.folder)})
    print_text(f"{sum(each.rows for each in copies):,} rows, {total:,} bytes in prepared copies")


def _remove(store: str, symbol: str | None, date: str | None, as_json: bool) -> None:
    from lobsim.feeds.prepared import remove_prepared

    folders = [str(folder) for folder in remove_prepared(store, symbol, date)]
    if as_json:
        print_json({"removed": folders})
        return
    for folder in folders:
        print_text(f"removed the copy in {folder}")
    if not folders:
        print_text("there was no copy")
