"""The ``lobsim`` command: its table of commands, and the one place where errors become exit codes.

Invariants
- ``lobsim --help`` loads neither numba nor numpy nor polars: a command module holds a typer signature
  and imports what is heavy inside its function.
- Exit codes: 0 success only; 1 an error in data, settings or files (one line on stderr), or the reader
  of the output went away (nothing said); 2 a wrong command line; 130 Ctrl-C.
- Ctrl-C ends every command within a second, also in the middle of a compilation (lobsim.cli.interrupt).
- A traceback means a defect of this package, never bad input.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from lobsim import __version__
from lobsim.cli.interrupt import EXIT_INTERRUPTED, interruptible
from lobsim.errors import LobsimError

EXIT_ERROR = 1

COMMANDS: dict[str, str] = {
    "demo": "lobsim.cli.demo:demo",
    "backtest": "lobsim.cli.backtest:backtest",
    "import": "lobsim.cli.import_:import_file",
    "prepare": "lobsim.cli.prepare:prepare",
    "replay": "lobsim.cli.replay:replay",
    "simulate": "lobsim.cli.simulate:simulate",
    "doctor": "lobsim.cli.doctor:doctor",
    "warmup": "lobsim.cli.warmup:warmup",
    "fidelity": "lobsim.cli.fidelity:fidelity",
    "calibrate": "lobsim.cli.calibrate:calibrate",
    "realism": "lobsim.cli.realism:realism",
    "bench": "lobsim.cli.bench:bench",
}
"""Command -> "module:function", in the order of the help page; a typer.Typer in place of a function is a group of commands.

A new command is one line here."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lobsim {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Replay limit order books, execute parent orders in them, and see what it cost."""


def build_app(commands: dict[str, str] = COMMANDS) -> typer.Typer:
    """The command line with every command of the table.

    commands  command -> "module:function"; the function's signature and docstring become its help page
              (a typer.Typer there is a group of commands)
    """
    # Help in plain text: loading what draws the boxes takes longer than everything else together (0.38 s, not 0.16 s).
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(_root)
    for name, target in commands.items():
        module, _, function = target.partition(":")
        command = getattr(import_module(module), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def guarded(app: typer.Typer) -> int:
    """Run the command line on ``sys.argv`` and answer the exit code; bad input becomes one line on stderr."""
    try:
        with interruptible():
            app(prog_name="lobsim")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except LobsimError as error:
        return _complain(str(error))
    except BrokenPipeError:
        return EXIT_ERROR
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {(error.strerror or 'cannot be used').lower()}")
    return 0


def _complain(sentence: str) -> int:
    typer.echo(f"error: {sentence}", err=True)
    return EXIT_ERROR


def run() -> None:
    """Entry point of the ``lobsim`` command; always ends the process.

    It ends it at once, everything being written: where a command is over soon, the threads of Arrow may just be starting, and to take them down in
    an orderly way then aborts the process now and then (6 of 100 refused imports on a busy machine ended with SIGABRT instead of 1).
    """
    code = guarded(build_app())
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has no reader: let the interpreter's last flush go nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_ERROR
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
