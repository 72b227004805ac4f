"""The layout check: the house rules that a machine can see, and where each is broken.

Standard library only, so that it runs before anything is installed. Each rule is a function whose
name is the id it is printed with; its docstring is the rule.
"""

from trellis.checks.layout import data, flow, shape, tasks
from trellis.checks.layout.engine import Violation, check, rules

__all__ = ["Violation", "check", "data", "flow", "rules", "shape", "tasks"]
