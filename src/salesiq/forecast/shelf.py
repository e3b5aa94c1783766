"""The shelf: model files in a folder, each named by the hash of its body, and the index that can be made from them again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from salesiq.errors import BookError, BusyError, ModelError, SalesiqError, UsageError
from salesiq.forecast.extra_features import Extra
from salesiq.forecast.model import WinModel

ID = re.compile(r"[0-9a-f]{16}")
INDEX = "index.json"
_LARGEST_BYTES = 512 * 1024 * 1024
_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Kept:
    """One model file: what it says of itself, or the problem for which it cannot be read."""

    model_id: str
    sequence: int = 0
    kind: str | None = None
    verdict: str | None = None
    until: dt.datetime | None = None
    horizon_days: float | None = None
    brier: float | None = None
    log_loss: float | None = None
    n: int | None = None
    newest_export: dt.datetime | None = None
    version: str | None = None
    problem: str | None = None


class Shelf:
    """The files of a folder, which is made with the first model."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def read(self) -> list[Kept]:
        """Return what is kept, newest place first; damaged files last, with their problem.

        The index answers where it speaks of the very files that are there (name, size, time of change), else they are read.
        """
        stamps = self._stamps()
        found = self._indexed(stamps)
        if found is None:
            found = [self._look(model_id) for model_id in sorted(stamps)]
        return sorted(found, key=lambda kept: (-kept.sequence, kept.model_id))

    def put(self, model: WinModel, newest_export: dt.datetime | None) -> str:
        """Keep a model as the newest and return its id; the same model again takes the newest place."""
        body = model.to_json()
        about = {"version": metadata.version("salesiq"), "newest_export": newest_export.isoformat() if newest_export else None}
        return self._place(body, about)

    def promote(self, model_id: str) -> None:
        """Give a model that is kept the newest place. Raises UsageError where there is none, ModelError where it is damaged."""
        body, about = self._opened(model_id)
        self._place(body, about)

    def load(self, model_id: str, extra: Extra | Sequence[Extra] = ()) -> WinModel:
        """Return a model by its id; UsageError where there is none, ModelError where it is damaged or of other extras."""
        body, _ = self._opened(model_id)
        try:
            return WinModel.from_json(body, extra)
        except SalesiqError:
            raise
        except Exception as error:  # a body that says anything at all: whatever it provokes is a damaged file
            raise ModelError("forecast.damaged", problem=f"{type(error).__name__}: {error}") from error

    def _place(self, body: str, about: dict[str, Any]) -> str:
        digest = hashlib.sha256(body.encode()).hexdigest()
        model_id = digest[:16]
        with self._locked():
            highest = max((kept.sequence for kept in self.read()), default=0)
            told = about | {"sequence": highest + 1}
            whole = {"sha256": digest, "about": told, "about_sha256": _digest_of(told), "body": body}
            self._write(f"{model_id}.json", json.dumps(whole, ensure_ascii=False))
            self._index()
        return model_id

    def _path(self, model_id: str) -> Path:
        if not ID.fullmatch(model_id):
            raise UsageError("registry.bad_id", model_id=model_id)
        path = self.folder / f"{model_id}.json"
        if not path.is_file():
            raise UsageError("registry.no_model", model_id=model_id, folder=self.folder)
        if path.resolve().parent != self.folder.resolve():
            raise ModelError("registry.outside", path=path)
        return path

    def _opened(self, model_id: str) -> tuple[str, dict[str, Any]]:
        """Return a file's body and what it says about itself, both of which must have the hash that they had."""
        path = self._path(model_id)
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise ModelError("forecast.damaged", problem="size")
            told = json.loads(path.read_text(encoding="utf-8"))
            body, about = told["body"], told["about"]
            is_whole = _sha(body) == told["sha256"] and told["sha256"].startswith(model_id)
            if not is_whole or _digest_of(about) != told["about_sha256"]:
                raise ModelError("forecast.damaged", problem="sha256")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError("forecast.damaged", problem=f"{path.name}: {type(error).__name__}") from error
        return body, about

    def _look(self, model_id: str) -> Kept:
        try:
            body, about = self._opened(model_id)
            model = json.loads(body)
            found = model["reliability"]
            return Kept(
                model_id,
                int(about["sequence"]),
                str(found["kind"]),
                str(found["verdict"]),
                _moment(model["until"]),
                float(model["settings"]["horizon_days"]),
                _number(found["brier"]),
                _number(found["log_loss"]),
                int(found["n"]),
                _moment(about["newest_export"]),
                str(about["version"]),
            )
        except SalesiqError as error:
            return Kept(model_id, problem=str(error))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return Kept(model_id, problem=f"{type(error).__name__}: {error}")

    def _stamps(self) -> dict[str, list[int]]:
        if not self.folder.is_dir():
            return {}
        paths = [path for path in self.folder.glob("*.json") if ID.fullmatch(path.stem) and path.is_file()]
        # of a link itself, so that one put in a file's place is looked at
        stamps = {path.stem: path.lstat() for path in paths}
        return {model_id: [stamp.st_size, stamp.st_mtime_ns] for model_id, stamp in stamps.items()}

    def _indexed(self, stamps: dict[str, list[int]]) -> list[Kept] | None:
        try:
            told = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
            if told["files"] != stamps:
                return None
            found = [_kept(row) for row in told["models"]]
            return found if {kept.model_id for kept in found} == set(stamps) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None  # the files say the same

    def _index(self) -> None:
        stamps = self._stamps()
        models = [asdict(self._look(model_id)) for model_id in sorted(stamps)]
        self._write(INDEX, json.dumps({"files": stamps, "models": models}, ensure_ascii=False, default=str, indent=1))

    def _write(self, name: str, content: str) -> None:
        goal = self.folder / name
        part = goal.with_name(f".{name}.part")
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(goal)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise BookError("registry.not_written", path=goal, problem=error.strerror) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock", timeout=_WAIT_SECONDS):
                yield
        except Timeout as error:
            raise BusyError("registry.busy", folder=self.folder) from error
        except OSError as error:
            raise BookError("registry.not_written", path=self.folder, problem=error.strerror) from error


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(**{**row, "until": _moment(row["until"]), "newest_export": _moment(row["newest_export"])})


def _moment(told: str | None) -> dt.datetime | None:
    found = None if told is None else dt.datetime.fromisoformat(told)
    if found is not None and found.tzinfo is not None:
        raise ValueError("a moment of a book has no zone")
    return found


def _number(told: float | None) -> float | None:
    return None if told is None else float(told)


def _sha(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _digest_of(about: dict[str, Any]) -> str:
    return _sha(json.dumps(about, sort_keys=True, ensure_ascii=False))
