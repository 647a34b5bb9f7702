"""The signatures of metrics: `for_arrays` adds two keywords to each, which a reader of the source cannot see."""

from __future__ import annotations

from typing import Any

import griffe


class ForArrays(griffe.Extension):
    """Shows what `sshbench.metrics.arrays.for_arrays` does to a signature."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Add the keywords, and leave out the result's type, which the text says."""
        if not any(str(decorator.value) == "for_arrays" for decorator in func.decorators):
            return
        keyword = griffe.ParameterKind.keyword_only
        func.parameters.add(griffe.Parameter("data_range", annotation="float | None", kind=keyword, default="None"))
        func.parameters.add(griffe.Parameter("layout", annotation="Layout", kind=keyword, default='"auto"'))
        func.returns = None
