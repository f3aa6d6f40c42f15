'''Agent frameworks and workers: what they call an agent, a tool or a task becomes a section with that name.

The money stays on the provider's call, which the transport sees: nothing here makes a call or counts one.

To add a framework:

1. One file, `<framework>_hooks.py`, with a subclass of `FrameworkHooks` (`hooks.py`). It says `library` (import name),
   `distribution` (package name) and, in `hook(module)`, what is replaced in each watched module. The framework is never
   imported by us, it comes as `module`; files here do not import each other.

   Where one method does the whole of the work, that method is the section:

       class DspyHooks(FrameworkHooks):
           """Hooks dspy."""

           library = "dspy"
           distribution = "dspy"

           def hook(self, module: ModuleType) -> None:
               """Each call of a module."""
               self.wrap(module, "Module.__call__", lambda self, *_, **__: Named("step", type(self).__name__))

   `wrap` knows functions, coroutines and both kinds of generators. `describe` gets the arguments of the call and gives
   `None` where it is no section of interest.

   Where the framework tells begin and end in two callbacks, hand its ids to `self.sections` (`run_sections.py`):
   `begin(key, kind, name, parent=...)`, `skip(key, parent=...)` for what is no section of its own, `end(key, error)`.
   The two may come from different tasks and threads. Ask `self.is_on` before, and keep own code in `with self.guard`.
   What is registered rather than replaced is reported by `note` and taken back by `undo`.

2. A row in `libraries.py`: the shown name, the modules whose import is watched, `module:class` of the hooks, and the
   name in the setting `frameworks`; that name in `FRAMEWORKS` of `settings.py` (`./dev generate` writes the reference).

3. `TESTED` in `cli/coverage.py`: package and versions of the tests. The contract "Frameworks do not import each other"
   in `pyproject.toml`.

4. A program in `tests/frameworks`, and its row in `docs/guides/frameworks.md`.

A method that is not there, or takes other parameters, is reported as `missing`: `llmobserve doctor` and the page Data
health show it with the version.
'''
