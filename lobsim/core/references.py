"""How compiled code holds states: handles, plain arrays, blocks, and the few intrinsics that kernels need.

- ``borrow`` returns a state without reference counting.  Numba counts references on every array handed to a helper, and those atomic
  increments are the larger part of the cost of a book made of small functions.  A borrowed view has no owner to count; the caller keeps
  the arrays alive.
- A *block* is one piece of memory with many states in it, each as the handle's target: ``view`` answers one of them as the very type
  that ``borrow`` makes of a single state, so a batch runs the same machine code.  Again the caller keeps the arrays alive.

Every intrinsic has an uncompiled twin, so that the whole floor also runs under ``NUMBA_DISABLE_JIT=1``.  Kernels take all names from
``jit``.
"""

from __future__ import annotations

import hashlib
import operator

import numpy as np
from llvmlite import ir as llvm
from numba import config, types
from numba.core import cgutils
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import load_item, store_item


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
class _PlainModel(models.StructModel):
    """Numba's array without an owner.

    With one Numba calls its reference counter at the borders of every function that is not folded into its caller, though there is nothing to count
    (34 pairs of calls in the book alone).
    """

    def __init__(self, manager, kind):
        whole = types.UniTuple(types.intp, kind.ndim)
        members = [
            ("meminfo", types.voidptr),
            ("parent", types.pyobject),
            ("nitems", types.intp),
            ("itemsize", types.intp),
            ("data", types.CPointer(kind.dtype)),
            ("shape", whole),
            ("strides", whole),
        ]
        super().__init__(manager, kind, members)


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
def _word_of_compiled(typing_context, record, place):
    def codegen(context, builder, signature, arguments):
        words = builder.bitcast(arguments[0], llvm.IntType(64).as_pointer())
        word = builder.load(builder.gep(words, [arguments[1]]))
        word.align = 1
        return word

    return types.int64(record, types.intp), codegen


@intrinsic
def _set_word_compiled(typing_context, record, place, word):
    def codegen(context, builder, signature, arguments):
        words = builder.bitcast(arguments[0], llvm.IntType(64).as_pointer())
        builder.store(arguments[2], builder.gep(words, [arguments[1]])).align = 1
        return context.get_dummy_value()

    return types.none(record, types.intp, types.int64), codegen


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


@intrinsic
def _view_compiled(typing_context, block, index, sample):
    reference = sample if isinstance(sample, Reference) else Reference(sample)

    def codegen(context, builder, signature, arguments):
        memory = context.make_array(signature.args[0])(context, builder, arguments[0])
        first = builder.bitcast(memory.data, context.get_value_type(reference))
        return builder.gep(first, [arguments[1]])

    return reference(block, types.intp, sample), codegen


@intrinsic
def store_compiled(typing_context, block, index, state):
    def codegen(context, builder, signature, arguments):
        memory = context.make_array(signature.args[0])(context, builder, arguments[0])
        target = context.get_value_type(Reference(state))
        place = builder.gep(builder.bitcast(memory.data, target), [arguments[1]])
        context.pack_value(builder, state, arguments[2], place)
        return context.get_dummy_value()

    return types.void(block, types.intp, state), codegen


@intrinsic
def bytes_compiled(typing_context, state):
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


def _stay_apart_uncompiled():
    """Nothing to keep apart."""


def _prefetch_uncompiled(array, index):
    """Nothing to fetch."""


def _word_of_uncompiled(record, place):
    return record.getfield(np.int64, 8 * place)


def _set_word_uncompiled(record, place, word):
    record.setfield(word, np.int64, 8 * place)


def _trailing_zeros_uncompiled(word):
    word = int(word)
    return (word & -word).bit_length() - 1 if word else 64


def _leading_zeros_uncompiled(word):
    return 64 - (int(word) & 0xFFFFFFFFFFFFFFFF).bit_length()


if config.DISABLE_JIT:
    borrow = _borrow_uncompiled
    borrow_array = _borrow_uncompiled
    view = _view_uncompiled
    whole = _borrow_uncompiled
    trailing_zeros = _trailing_zeros_uncompiled
    leading_zeros = _leading_zeros_uncompiled
    stay_apart = _stay_apart_uncompiled
    prefetch = _prefetch_uncompiled
    word_of = _word_of_uncompiled
    set_word = _set_word_uncompiled
else:
    borrow = _borrow_compiled
    borrow_array = _borrow_array_compiled
    view = _view_compiled
    whole = _whole_compiled
    trailing_zeros = _trailing_zeros_compiled
    leading_zeros = _leading_zeros_compiled
    stay_apart = _stay_apart_compiled
    prefetch = _prefetch_compiled
    word_of = _word_of_compiled
    set_word = _set_word_compiled
