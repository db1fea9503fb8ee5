"""Compiled code on disk: an entry point and its argument types have files of their own, in a folder named by the hash of the sources.

Numba's cache, with five differences
- what the code is valid for (argument types, machine, source) is part of the file's name.  Numba keeps a list of numbered files instead, and two
  processes that add to it at once can leave one's code under the other's key;
- it is valid by the content of the source file, not by its time: a copied or unpacked installation finds its code;
- a folder that cannot be written costs one note on stderr, not the run: what is there is used, the rest is compiled in memory;
- a damaged file is compiled anew;
- nothing is ever kept beside the sources: an installation may be read-only.

Files appear whole (a temporary name, then a rename), and of one name they are interchangeable: so several processes may start at once, each
finds an entry or compiles it.

Known limit: the folder's hash covers the compiled floors.  A kernel of another folder (a test, a benchmark) is compiled anew after an edit of its own
file or of a floor, not of a helper in a third place.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from functools import cache

from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

KEPT_FOLDERS = 4
_KEPT_S = 24 * 3600.0
_FOLDER_NAME = re.compile("[0-9a-f]{12}(-checked)?")
_REMOVED = ".removed-"
_complaints: list[str] = []


@cache
def _content(path: str) -> str:
    """Digest of a source file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class _Locator(_CacheLocator):
    """Where the code of a function is kept, and what it is valid for."""

    folder = ""

    def __init__(self, function, path):
        self._source = path
        self._line = function.__code__.co_firstlineno
        self._folder = os.path.join(self.folder, function.__module__)

    @classmethod
    def from_function(cls, function, path):
        return cls(function, path)

    def ensure_cache_path(self):
        os.makedirs(self._folder, exist_ok=True)

    def get_cache_path(self):
        return self._folder

    def get_source_stamp(self):
        return _content(self._source)

    def get_disambiguator(self):
        return str(self._line)


class _Content(CompileResultCacheImpl):
    """What is written, and where: nowhere but through our locator."""

    _locator_classes = (_Locator,)


class KernelCache(FunctionCache):
    """The cache of one entry point."""

    _impl_class = _Content

    def load_overload(self, signature, target_context):
        """The compiled code, or None where it must be compiled."""
        self._choose_files(signature, target_context.codegen())
        try:
            return super().load_overload(signature, target_context)
        except Exception as error:  # a damaged file may raise anything at all
            if not isinstance(error, OSError):
                self._forget()
            return None

    def save_overload(self, signature, result):
        """Keep compiled code, if that is possible."""
        self._choose_files(signature, result.codegen)
        try:
            super().save_overload(signature, result)
        except OSError as error:
            _complain(_Locator.folder, error)

    def _choose_files(self, signature, codegen):
        """From here on the files are those of these argument types on this machine."""
        stamp = self._impl.locator.get_source_stamp()
        key = hashlib.sha256(repr((self._index_key(signature, codegen), stamp)).encode()).hexdigest()[:16]
        self._cache_file = IndexDataCacheFile(self._cache_path, f"{self._impl.filename_base}-{key}", stamp)

    def _forget(self):
        try:
            self.flush()
        except OSError as error:
            _complain(_Locator.folder, error)


def use_folder(folder: str) -> None:
    """Keep the compiled code of kernels that are defined from now on below this folder."""
    _Locator.folder = folder


def cannot_keep() -> str:
    """Why compiled code could not be kept in this process, or ""."""
    return "".join(_complaints)


def _complain(folder: str, error: OSError) -> None:
    if not _complaints:
        _complaints.append((error.strerror or "no reason given").lower())
        sys.stderr.write(
            f"lobsim: compiled code cannot be kept in {folder} ({_complaints[0]}), so every process compiles it again; "
            "set NUMBA_CACHE_DIR to a folder that can be written\n"
        )


def remove_stale(current: str) -> list[str]:
    """Remove folders of other sources beside the current one; returns their names.

    The newest KEPT_FOLDERS stay, and all that were used within a day of now.  A process that still runs such sources
    loses nothing but the code it has not loaded yet, which it compiles.
    """
    base = os.path.dirname(current)
    try:
        os.utime(current)
        names = [name for name in os.listdir(base) if _FOLDER_NAME.fullmatch(name)]
        used = {name: os.stat(os.path.join(base, name)).st_mtime for name in names}
    except OSError:
        return []
    now = used.get(os.path.basename(current), 0.0)
    newest_first = sorted(used, key=lambda name: -used[name])
    stale = [name for name in newest_first[KEPT_FOLDERS:] if used[name] < now - _KEPT_S]
    return [name for name in stale if _remove(base, name)]


def _remove(base: str, name: str) -> bool:
    """Take a folder away whole: no process finds half of it."""
    aside = os.path.join(base, f"{_REMOVED}{name}-{os.getpid()}")
    try:
        os.replace(os.path.join(base, name), aside)
    except OSError:
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True
