"""Requests that must be refused, one for each way in which a row of the table of input faults can be met.

A fault is told by its row in the table, a name, the status it gets, the words that its message must
contain, and the field that the BadRequest must blame.
"""

# Imported for the faults that they declare.
from tests.contract.faults import bodies, features, names, parameters, sizes, tensors  # noqa: F401
from tests.contract.faults.fault import FAULTS, Fault

__all__ = ["FAULTS", "Fault"]
