"""Records, job locks, answers, outputs and inputs on disk; where the folder lies; rescue."""

from __future__ import annotations

from ._answers import AnswerFile
from ._files import (
    digest_of_file,
    is_missing,
    list_names,
    private_folder,
    read_file,
    remove_file,
    try_read_file,
    write_durably,
)
from ._folder import Home, adopt, find_home, sibling_stores
from ._index import RecordIndex
from ._job_locks import JobLock
from ._names import readable_name, safe_name
from ._notebook import MARIMO_FILE, notebook_path
from ._record import STAR, Record, RecordedOutput, generation_of, is_digest, is_identity
from ._record_files import encode, marked, parse_json
from ._rescue import RescueFolder
from ._store import Store

__all__ = [
    "MARIMO_FILE",
    "STAR",
    "AnswerFile",
    "Home",
    "JobLock",
    "Record",
    "RecordIndex",
    "RecordedOutput",
    "RescueFolder",
    "Store",
    "adopt",
    "digest_of_file",
    "encode",
    "find_home",
    "generation_of",
    "is_digest",
    "is_identity",
    "is_missing",
    "list_names",
    "marked",
    "notebook_path",
    "parse_json",
    "private_folder",
    "read_file",
    "readable_name",
    "remove_file",
    "safe_name",
    "sibling_stores",
    "try_read_file",
    "write_durably",
]
