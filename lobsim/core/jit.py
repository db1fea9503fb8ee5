"""The one decorator of the compiled floor, its cache, and the few intrinsics that kernels need.

Three things live here and nowhere else, so that kernels read like prose:

- ``kernel`` compiles an entry point or a routine of its own; ``inline`` compiles a helper that is
  always folded into its caller.  Either is compiled as an entry point where Python calls it and as a part (``parts``) where kernels do.
- The cache folder (``code_cache``) is named by a hash of every source file of the compiled floor.  Numba's own cache
  looks at the file of the function only: after an edit of an imported helper it would go on
  running the old machine code.  With the hash in the path any edit anywhere is a miss.
- ``borrow`` returns the same state without reference counting.  Numba counts references on
  every array handed to a helper, and those atomic increments are the larger part of the cost of a book
  made of small functions.  A borrowed view has no owner to count; the caller keeps the arrays alive.

Every intrinsic has an uncompiled twin, so that the whole floor also runs under
``NUMBA_DISABLE_JIT=1``.
"""

from __future__ import annotations

import hashlib
import operator
import os
from typing import Any

import llvmlite
import numba
import numpy as np
import platformdirs
from llvmlite import ir as llvm
from numba import config, types
from numba.core import cgutils
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import load_item, store_item

from lobsim.core.code_cache import KernelCache, use_folder
from lobsim.core.parts import PartCompiler

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
    """Twelve hex digits that change with any edit of the compiled floor, and with the versions of what compiles it."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
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


use_folder(cache_folder())


def _widened(kind):
    """The plain type of a constant or an enumeration member."""
    if isinstance(kind, types.IntEnumMember):
        return kind.dtype
    return types.unliteral(kind)


def _calls_part(dispatcher, part):
    """Let kernels that call a dispatcher call its part, with plain integers where they write constants.

    Numba compiles a callee anew for every constant and enumeration member it is called with: the compiled floor took
    248 compilations instead of 161, and half as long again.
    """

    def get_call_template(arguments, keywords):
        arguments = tuple(_widened(kind) for kind in arguments)
        return part.get_call_template(arguments, {name: _widened(kind) for name, kind in keywords.items()})

    dispatcher.get_call_template = get_call_template
    dispatcher.get_overload = part.get_overload
    dispatcher.part = part
    return dispatcher


def _compile(function: Any, **options: Any) -> Any:
    """An entry point with its code on disk, and the part that other kernels call."""
    if config.DISABLE_JIT:
        return function
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    dispatcher = numba.njit(**options)(function)
    if os.path.exists(function.__code__.co_filename):  # what is typed into a notebook has no file to be valid for
        dispatcher._cache = KernelCache(function)
    part = numba.njit(no_cpython_wrapper=True, pipeline_class=PartCompiler, **options)(function)
    return _calls_part(dispatcher, part)


def kernel(function: Any) -> Any:
    """Compile a routine that is called, from Python or from another kernel.

    forceinline is refused outright: left open, Numba lets a kernel inherit it from whichever helper happens to be the first to call it.
    """
    return _compile(function, forceinline=False)


def inline(function: Any) -> Any:
    """Compile a helper that is folded into every caller: no call, no argument passing."""
    return _compile(function, forceinline=True)


class Plain(types.Array):
    """A one-dimensional array whose whole-number indices are never below 0, as house rule has it.

    For a signed index Numba otherwise adds the length to whatever is negative: four instructions more for each of some twenty
    accesses per message.  Under NUMBA_BOUNDSCHECK=1 ordinary arrays are used, and checked.
    """

    def __init__(self, array):
        super().__init__(
            array.dtype, 1, array.layout, readonly=not array.mutable, name=f"plain({array.name})", aligned=array.aligned
        )


@register_model(Plain)
class _PlainModel(models.ArrayModel):
    pass


def _plain(kind):
    """The plain form of an array type, where there is one."""
    if config.BOUNDSCHECK or not isinstance(kind, types.Array) or kind.ndim != 1 or kind.layout != "C":
        return kind
    return kind if isinstance(kind, Plain) else Plain(kind)


def _item_pointer(context, builder, kind, array, index_kind, index):
    """Address of array[index]."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [context.cast(builder, index, index_kind, types.intp)])


@lower_builtin(operator.getitem, Plain, types.Integer)
def _read_item(context, builder, signature, arguments):
    pointer = _item_pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1])
    return load_item(context, builder, signature.args[0], pointer)


@lower_builtin(operator.setitem, Plain, types.Integer, types.Any)
def _write_item(context, builder, signature, arguments):
    kind, index_kind, value_kind = signature.args
    pointer = _item_pointer(context, builder, kind, arguments[0], index_kind, arguments[1])
    store_item(context, builder, kind, context.cast(builder, arguments[2], value_kind, kind.dtype), pointer)


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
            return Reference(kind) if isinstance(kind, types.BaseTuple) else _plain(kind)
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
    array = context.make_array(_plain(field))(context, builder)
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

    return _plain(array)(array), codegen


@intrinsic
def _stay_apart_compiled(typing_context):
    def codegen(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def _prefetch_compiled(typing_context, array, index):
    def codegen(context, builder, signature, arguments):
        pointer = _item_pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1])
        byte = llvm.IntType(8).as_pointer()
        word = llvm.IntType(32)
        kind = llvm.FunctionType(llvm.VoidType(), [byte, word, word, word])
        target = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        arguments = [word(0), word(3), word(1)]
        builder.call(target, [builder.bitcast(pointer, byte), *arguments])
        return context.get_dummy_value()

    return types.none(array, index), codegen


@intrinsic
def _trailing_zeros_compiled(typing_context, word):
    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], cgutils.false_bit)

    return types.int64(types.uint64), codegen


@intrinsic
def _leading_zeros_compiled(typing_context, word):
    def codegen(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], cgutils.false_bit)

    return types.int64(types.int64), codegen


def _borrow_uncompiled(state):
    return state


def _stay_apart_uncompiled():
    """Nothing to keep apart."""


def _prefetch_uncompiled(array, index):
    """Nothing to fetch."""


def _trailing_zeros_uncompiled(word):
    word = int(word)
    return (word & -word).bit_length() - 1 if word else 64


def _leading_zeros_uncompiled(word):
    return 64 - (int(word) & 0xFFFFFFFFFFFFFFFF).bit_length()


if config.DISABLE_JIT:
    borrow = _borrow_uncompiled
    borrow_array = _borrow_uncompiled
    trailing_zeros = _trailing_zeros_uncompiled
    stay_apart = _stay_apart_uncompiled
    prefetch = _prefetch_uncompiled
    leading_zeros = _leading_zeros_uncompiled
else:
    borrow = _borrow_compiled
    borrow_array = _borrow_array_compiled
    trailing_zeros = _trailing_zeros_compiled
    stay_apart = _stay_apart_compiled
    prefetch = _prefetch_compiled
    leading_zeros = _leading_zeros_compiled

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
def mix_word(h, word):
    """`mix` of a uint64."""
    return wrapping_product(h ^ word, _FNV_PRIME)


@inline
def mix(h, value):
    """One step of 64-bit FNV-1a over words.

    h      uint64, state so far
    value  int64 word
    """
    return mix_word(h, np.uint64(np.int64(value)))


@inline
def splitmix64(value):
    """Steele, Lea, Flood 2014: a well mixed uint64 out of a counter.

    value  uint64
    """
    z = wrapping_sum(value, _GOLDEN)
    z = wrapping_product(z ^ (z >> np.uint64(30)), _MIX_1)
    z = wrapping_product(z ^ (z >> np.uint64(27)), _MIX_2)
    return z ^ (z >> np.uint64(31))
