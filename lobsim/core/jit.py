"""The one decorator of the compiled floor, its cache, and the few intrinsics that kernels need.

Three things live here and nowhere else, so that kernels read like prose:

- ``kernel`` compiles an entry point or a routine of its own; ``inline`` compiles a helper that is
  always folded into its caller.
- The cache folder is named by a hash of every source file of the compiled floor.  Numba's own cache
  looks at the file of the function only: after an edit of an imported helper it would go on
  running the old machine code.  With the hash in the path any edit anywhere is a miss.
- A *block* is a piece of memory that holds the handles' targets of many states, one after the other: ``view`` answers one of them as the
  very type that ``borrow`` makes of a single state, so a batch runs the same machine code.  The caller keeps the arrays alive.
- ``borrow`` returns the same state without reference counting.  Numba counts references on
  every array handed to a helper, and those atomic increments are the larger part of the cost of a book
  made of small functions.  A borrowed view has no owner to count; the caller keeps the arrays alive.

Every intrinsic has an uncompiled twin, so that the whole floor also runs under
``NUMBA_DISABLE_JIT=1``.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numba
import numpy as np
import platformdirs
from llvmlite import ir as llvm
from numba import config, types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_HERE))


def _sources() -> list[str]:
    """Every file whose edit must invalidate compiled code, in a fixed order."""
    found = [os.path.join(_ROOT, "lobsim", "types.py")]
    for folder in (_HERE, os.path.join(_ROOT, "execution", "core")):
        for base, _, names in sorted(os.walk(folder)):
            found.extend(os.path.join(base, name) for name in sorted(names) if name.endswith(".py"))
    return found


def source_hash() -> str:
    """Twelve hex digits that change with any edit of the compiled floor or with Numba's version."""
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for path in _sources():
        if os.path.exists(path):
            digest.update(os.path.relpath(path, _ROOT).encode())
            with open(path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()[:12]


def cache_folder() -> str:
    """Where compiled code is kept: below NUMBA_CACHE_DIR if set, else the user's cache folder."""
    base = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(platformdirs.user_cache_dir("lobsim"), "compiled")
    checked = "-checked" if config.BOUNDSCHECK else ""
    return os.path.join(base, source_hash() + checked)


_CACHE_FOLDER = cache_folder()


def _widened(kind):
    """The plain type of a constant or an enumeration member."""
    if isinstance(kind, types.IntEnumMember):
        return kind.dtype
    return types.unliteral(kind)


def _without_constants(dispatcher):
    """Let a compiled function see plain integers where its callers write constants.

    Numba compiles a callee anew for every constant and enumeration member it is called with: the compiled floor took
    248 compilations instead of 161, and half as long again.
    """
    resolve = dispatcher.get_call_template

    def get_call_template(arguments, keywords):
        arguments = tuple(_widened(kind) for kind in arguments)
        return resolve(arguments, {name: _widened(kind) for name, kind in keywords.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher


def _compile(function: Any, **options: Any) -> Any:
    """Compile with our cache folder, leaving the process-wide setting as it was for other code."""
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE_FOLDER
    try:
        dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
    finally:
        config.CACHE_DIR = before
    return dispatcher if config.DISABLE_JIT else _without_constants(dispatcher)


def kernel(function: Any) -> Any:
    """Compile a routine that is called, from Python or from another kernel."""
    return _compile(function)


def inline(function: Any) -> Any:
    """Compile a helper that is folded into every caller: no call, no argument passing."""
    return _compile(function, forceinline=True)


class Reference(types.Type):
    """Compiled code's handle on a NamedTuple of arrays: one pointer, whatever the tuple holds.

    ``handle.field`` reads that field only: an array comes without an owner, a nested tuple as a handle again.
    """

    def __init__(self, target):
        # A short name: Numba spells argument types out in every symbol, and a world's full type fills pages.
        self.target = target
        digest = hashlib.sha256(str(target).encode()).hexdigest()[:16]
        super().__init__(name=f"Reference_{target.instance_class.__name__}_{digest}")


@register_model(Reference)
class _ReferenceModel(models.PointerModel):
    def __init__(self, manager, kind):
        models.PrimitiveModel.__init__(self, manager, kind, manager.lookup(kind.target).get_data_type().as_pointer())


@infer_getattr
class _ReferenceAttributes(AttributeTemplate):
    key = Reference

    def generic_resolve(self, reference, name):
        if name in reference.target.fields:
            kind = reference.target.types[reference.target.fields.index(name)]
            return Reference(kind) if isinstance(kind, types.BaseTuple) else kind
        return None


_ARRAY_PARTS = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
"""Members of Numba's array structure, in order."""


def _load_constant(builder, pointer):
    """Load memory that never changes while the handle lives: the optimiser may keep the value."""
    value = builder.load(pointer)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


@lower_getattr_generic(Reference)
def _read_field(context, builder, kind, value, name):
    place = kind.target.fields.index(name)
    field = kind.target.types[place]
    pointer = builder.gep(value, [llvm.Constant(llvm.IntType(32), 0), llvm.Constant(llvm.IntType(32), place)])
    if isinstance(field, types.BaseTuple):
        return pointer
    if not isinstance(field, types.Array):
        return _load_constant(builder, pointer)
    array = context.make_array(field)(context, builder)
    for position, part in enumerate(_ARRAY_PARTS):
        if part in ("meminfo", "parent"):
            setattr(array, part, cgutils.get_null_value(getattr(array, part).type))
            continue
        inner = builder.gep(pointer, [llvm.Constant(llvm.IntType(32), 0), llvm.Constant(llvm.IntType(32), position)])
        if part in ("shape", "strides"):
            setattr(array, part, _load_each(builder, inner, field.ndim))
        else:
            setattr(array, part, _load_constant(builder, inner))
    return array._getvalue()


def _load_each(builder, pointer, count):
    """An array of integers in memory, element by element (whole aggregates are slow to optimise)."""
    items = []
    for position in range(count):
        place = [llvm.Constant(llvm.IntType(32), 0), llvm.Constant(llvm.IntType(32), position)]
        items.append(_load_constant(builder, builder.gep(pointer, place)))
    return cgutils.pack_array(builder, items)


@intrinsic
def _borrow_compiled(typing_context, state):
    def codegen(context, builder, signature, arguments):
        return cgutils.alloca_once_value(builder, arguments[0])

    if isinstance(state, Reference):
        return state(state), lambda context, builder, signature, arguments: arguments[0]
    return Reference(state)(state), codegen


@intrinsic
def _borrow_array_compiled(typing_context, array):
    def codegen(context, builder, signature, arguments):
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), codegen


@intrinsic
def _trailing_zeros_compiled(typing_context, word):
    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], cgutils.false_bit)

    return types.int64(types.uint64), codegen


@intrinsic
def _view_compiled(typing_context, block, index, sample):
    reference = sample if isinstance(sample, Reference) else Reference(sample)

    def codegen(context, builder, signature, arguments):
        memory = context.make_array(signature.args[0])(context, builder, arguments[0])
        first = builder.bitcast(memory.data, context.get_value_type(reference))
        return builder.gep(first, [arguments[1]])

    return reference(block, types.intp, sample), codegen


@intrinsic
def _store_compiled(typing_context, block, index, state):
    def codegen(context, builder, signature, arguments):
        memory = context.make_array(signature.args[0])(context, builder, arguments[0])
        target = context.get_value_type(Reference(state))
        place = builder.gep(builder.bitcast(memory.data, target), [arguments[1]])
        context.pack_value(builder, state, arguments[2], place)
        return context.get_dummy_value()

    return types.void(block, types.intp, state), codegen


@intrinsic
def _bytes_compiled(typing_context, state):
    def codegen(context, builder, signature, arguments):
        return context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(state)))

    return types.intp(state), codegen


def _load_whole(context, builder, kind, value):
    """The tuple behind a handle, its arrays without owners."""
    parts = []
    for name, field in zip(kind.target.fields, kind.target.types, strict=True):
        part = _read_field(context, builder, kind, value, name)
        if isinstance(field, types.BaseTuple):
            part = _load_whole(context, builder, Reference(field), part)
        parts.append(part)
    return context.make_tuple(builder, kind.target, parts)


@intrinsic
def _whole_compiled(typing_context, reference):
    def codegen(context, builder, signature, arguments):
        return _load_whole(context, builder, reference, arguments[0])

    return reference.target(reference), codegen


def _borrow_uncompiled(state):
    return state


def _view_uncompiled(block, index, sample):
    return block[index]


def _trailing_zeros_uncompiled(word):
    word = int(word)
    return (word & -word).bit_length() - 1 if word else 64


if config.DISABLE_JIT:
    borrow = _borrow_uncompiled
    borrow_array = _borrow_uncompiled
    view = _view_uncompiled
    whole = _borrow_uncompiled
    trailing_zeros = _trailing_zeros_uncompiled
else:
    borrow = _borrow_compiled
    borrow_array = _borrow_array_compiled
    view = _view_compiled
    whole = _whole_compiled
    trailing_zeros = _trailing_zeros_compiled


@kernel
def _bytes_of(state):
    return _bytes_compiled(state)


@kernel
def _write(block, index, state):
    _store_compiled(block, index, state)


def new_block(states: list[Any]) -> Any:
    """A block that holds these states (at least one, NamedTuples of arrays of one type).  The caller keeps the arrays alive."""
    if config.DISABLE_JIT:
        return list(states)
    block = np.zeros(len(states) * _bytes_of(states[0]), np.uint8)
    for index, state in enumerate(states):
        _write(block, index, state)
    return block


def store(block: Any, index: int, state: Any) -> None:
    """Put another state in a place of a block, while no kernel runs on that place."""
    if config.DISABLE_JIT:
        block[index] = state
    else:
        _write(block, index, state)


_FNV_PRIME = np.uint64(1099511628211)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def wrapping_product(a, b):
    """The product of two uint64 modulo 2^64 (uncompiled twin: through Python integers)."""
    return np.uint64((int(a) * int(b)) & 0xFFFFFFFFFFFFFFFF)


def wrapping_sum(a, b):
    """The sum of two uint64 modulo 2^64 (uncompiled twin)."""
    return np.uint64((int(a) + int(b)) & 0xFFFFFFFFFFFFFFFF)


if not config.DISABLE_JIT:

    @inline
    def wrapping_product(a, b):
        return np.uint64(a) * np.uint64(b)

    @inline
    def wrapping_sum(a, b):
        return np.uint64(a) + np.uint64(b)


@inline
def mix(h, value):
    """One step of 64-bit FNV-1a over words.

    h      uint64, state so far
    value  int64 word
    """
    return wrapping_product(h ^ np.uint64(np.int64(value)), _FNV_PRIME)


@inline
def splitmix64(value):
    """Steele, Lea, Flood 2014: a well mixed uint64 out of a counter.

    value  uint64
    """
    z = wrapping_sum(value, _GOLDEN)
    z = wrapping_product(z ^ (z >> np.uint64(30)), _MIX_1)
    z = wrapping_product(z ^ (z >> np.uint64(27)), _MIX_2)
    return z ^ (z >> np.uint64(31))
