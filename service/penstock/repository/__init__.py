"""The model repository: folders → candidates → versions that serve.

`folders` says what is a model, `candidate` which of its versions could and should serve, `version` takes one through
its states, `registry` knows all of them, `serving` makes them follow what is wanted. `repository` is its thread: it
begins with what `first` says, and `changes` tells it of folders that have changed.
"""

from penstock.repository.candidate import Candidate, candidates, scan
from penstock.repository.first import first
from penstock.repository.repository import Repository
from penstock.version_status import State, VersionStatus

__all__ = ["Candidate", "Repository", "State", "VersionStatus", "candidates", "first", "scan"]
