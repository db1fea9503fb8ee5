"""How a kernel is compiled where another kernel calls it: typed and lowered once, finished as a part of its callers.

Left alone, Numba makes every function ready to run by itself: it optimises the function together with all that it calls, generates
machine code, a wrapper for Python and a file in the cache; and does so again one floor up, where the same callees are part of the
caller.  Of some 240 kernels about thirty are ever called from Python.  A *part* stops after lowering, and every
entry point optimises and generates the code of its parts once.

All the world, cold: 91 s of CPU time before, 51 s after; 32 MB of cache before, 6 MB after.

Known limit: this leans on Numba's compiler classes as they are in Numba 0.68 (a pipeline and a code library of one's own).
"""

from __future__ import annotations

from llvmlite import ir as llvm
from numba._dynfunc import make_function
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering


class _PartLibrary(JITCodeLibrary):
    """Code that others link: optimised lightly, never loaded into the running process."""

    def _optimize_final_module(self):
        # Light passes only.  Without any the optimiser of the callers folds differently and the book is 5 to 30 % slower (yardstick);
        # with all of them, as for an entry point, compiling takes half as long again and nothing is faster.
        light, builder = self._codegen._module_pass_manager(
            loop_vectorize=self._codegen._loopvect, slp_vectorize=False, opt=self._codegen._opt_level, cost="cheap"
        )
        light.run(self._final_module, builder)

    def _finalize_final_module(self):
        self._finalized = True


class _PartLower(Lower):
    """Numba's lowering, without zeros that nobody reads.

    The places for a callee's answer and for the error it may raise are filled with zeros where the function begins; the first once more before the call,
    the second is read only after the callee has written it.  Folded into a loop, the beginning is the loop's: the book wrote nine such zeros per message.
    """

    def lower_normal_function(self, fndesc):
        super().lower_normal_function(fndesc)
        entry = self.function.blocks[0]
        calls = [step for block in self.function.blocks for step in block.instructions if _calls_numba(step)]
        answers = {call.args[0] for call in calls}
        errors = {call.args[1] for call in calls}
        filled = [_zeroed(step) for block in self.function.blocks for step in block.instructions]
        entry.instructions[:] = [
            step
            for step in entry.instructions
            if not ((place := _zeroed(step)) in errors or (place in answers and filled.count(place) > 1))
        ]


def _calls_numba(step):
    """Whether an instruction calls a function of Numba's: its first two arguments are places for the answer and for an error."""
    if not isinstance(step, llvm.CallInstr) or len(step.args) < 2:
        return False
    answer, error = step.args[:2]
    return (
        isinstance(answer, llvm.AllocaInstr)
        and isinstance(error, llvm.AllocaInstr)
        and error.name.startswith("excinfo")
    )


def _zeroed(step):
    """The place on the stack that an instruction fills with zeros, or None."""
    if not isinstance(step, llvm.StoreInstr):
        return None
    value, place = step.operands
    zero = isinstance(value, llvm.Constant) and value.constant in (None, 0, "null", "zeroinitializer")
    return place if zero and isinstance(place, llvm.AllocaInstr) else None


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """Lowering into a library of parts, with a name in place of an address."""

    _name = "lobsim_part_lowering"

    @property
    def lowering_class(self):
        return _PartLower

    def run_pass(self, state):
        state.library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        fndesc = lowered.fndesc
        # Numba finds a callee by the object that Python would call; this one has no code behind it and nobody calls it.
        name = make_function(fndesc.lookup_module(), fndesc.qualname, "a part", 0, lowered.env, (state.library,))
        state.targetctx.insert_user_function(name, fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=name)
        return True


class PartCompiler(compiler.CompilerBase):
    """Numba's own pipeline but for the last step but one."""

    def define_pipelines(self):
        pipelines = compiler.DefaultPassBuilder
        manager = pipelines.define_nopython_pipeline(self.state)
        manager.passes = [
            (_PartLowering, why) if step is NativeLowering else (step, why) for step, why in manager.passes
        ]
        manager.finalize()
        return [manager]
