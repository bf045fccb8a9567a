"""Midjourney tasks: what one is, how it ages with the clock, and which buttons it ends with."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from ._plates import Plate

__all__ = ["GRID_ACTIONS", "Status", "Task", "buttons_of"]

Status = Literal["NOT_START", "SUBMITTED", "IN_PROGRESS", "MODAL", "SUCCESS", "FAILURE"]
SUBMITTED_FROM, STARTED_FROM, PREVIEW_FROM = 0.05, 0.15, 0.3
GRID_ACTIONS = (
    "IMAGINE", "VARIATION", "REROLL", "BLEND", "ZOOM", "PAN", "INPAINT",
    "CUSTOM_ZOOM", "LOW_VARIATION", "HIGH_VARIATION",
)  # fmt: skip
_WORDS = {"DESCRIBE": "MJ::Job::PicReader", "SHORTEN": "MJ::Job::PromptAnalyzer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task: its order, when it came, how long it takes and what becomes of it."""

    id: str
    action: str
    prompt: str
    submitted: float
    life: float
    plates: tuple[Plate, ...] = ()
    custom_id: str = ""
    parent: str = ""
    bot: str = "MID_JOURNEY"
    state: str = ""
    text: str = ""
    picture: bytes | None = None
    waits_for_modal: bool = False
    fails: bool = False
    has_link: bool = True
    link: str = ""
    refresh: float = 0.0
    has_wrong_host: bool = False

    def age(self, now: float) -> float:
        """Return which part of its life is over, from 0 to 1."""
        past = now - self.submitted
        if self.refresh:  # what upstream said when it was last asked
            past = past // self.refresh * self.refresh
        return 1.0 if self.life <= 0 else min(1.0, max(0.0, past / self.life))

    def status(self, now: float) -> Status:
        """Return the state at this time."""
        if self.waits_for_modal:
            return "MODAL"
        age = self.age(now)
        if age >= 1:
            return "FAILURE" if self.fails else "SUCCESS"
        if age < SUBMITTED_FROM:
            return "NOT_START"
        return "SUBMITTED" if age < STARTED_FROM else "IN_PROGRESS"

    def wire(self, now: float, base_url: str) -> dict[str, Any]:
        """Return the task object as fetch shows it."""
        status, age = self.status(now), 0.0 if self.waits_for_modal else self.age(now)
        return {
            "id": self.id,
            "action": self.action,
            "customId": self.custom_id,
            "botType": self.bot,
            "prompt": self.prompt,
            "promptEn": self.prompt,
            "description": "Submit success",
            "state": self.state,
            "submitTime": round(self.submitted * 1000),
            "startTime": round((self.submitted + STARTED_FROM * self.life) * 1000) if age >= STARTED_FROM else 0,
            "finishTime": round((self.submitted + self.life) * 1000) if status in ("SUCCESS", "FAILURE") else 0,
            "imageUrl": self._image_url(status, age, base_url),
            "status": status,
            "progress": f"{int(age * 100)}%",
            "failReason": "[Demo] the job failed, as asked" if status == "FAILURE" else "",
            "buttons": buttons_of(self) if status == "SUCCESS" else [],
            "maskBase64": "",
            "properties": {"finalPrompt": self._final_prompt(status), "finalZhPrompt": ""},
        }

    def _image_url(self, status: Status, age: float, base_url: str) -> str:
        if not self.has_link or not (self.plates or self.picture):
            return ""
        base_url = "http://localhost:3000" if self.has_wrong_host else base_url
        if status == "SUCCESS":
            return self.link or f"{base_url}/mj/image/{self.id}"
        if status == "IN_PROGRESS" and age >= PREVIEW_FROM:
            return f"{base_url}/mj/image/{self.id}?rand={int(age * 1000)}"
        return ""

    def _final_prompt(self, status: Status) -> str:
        return (self.text or self.prompt) if status == "SUCCESS" else ""


def buttons_of(task: Task) -> list[dict[str, Any]]:
    """Return the buttons under a finished task."""
    mark = hashlib.sha256(task.id.encode()).hexdigest()
    mark = f"{mark[:8]}-{mark[8:12]}"
    if task.action in GRID_ACTIONS:
        return _grid_buttons(mark)
    if task.action == "UPSCALE":
        return _upscale_buttons(mark, is_second="upsample::" not in task.custom_id)
    if task.action in _WORDS:
        texts = [
            _button(f"{_WORDS[task.action]}::{n}", "", f"{n}\ufe0f\u20e3")
            for n in range(1, 1 + task.text.count("\u20e3"))
        ]
        return [*texts, *_AFTER_DESCRIBE] if task.action == "DESCRIBE" else texts
    return []


def _grid_buttons(mark: str) -> list[dict[str, Any]]:
    upscales = [_button(f"MJ::JOB::upsample::{index}::{mark}", f"U{index}") for index in range(1, 5)]
    reroll = _button(f"MJ::JOB::reroll::0::{mark}::SOLO", "", "🔄")
    variations = [_button(f"MJ::JOB::variation::{index}::{mark}", f"V{index}") for index in range(1, 5)]
    return [*upscales, reroll, *variations]


def _upscale_buttons(mark: str, *, is_second: bool) -> list[dict[str, Any]]:
    again = [
        _button(f"MJ::JOB::upsample_v6_2x_subtle::1::{mark}::SOLO", "Upscale (Subtle)", "upscale_1"),
        _button(f"MJ::JOB::upsample_v6_2x_creative::1::{mark}::SOLO", "Upscale (Creative)", "upscale_1"),
    ]
    others = [
        _button(f"MJ::JOB::low_variation::1::{mark}::SOLO", "Vary (Subtle)", "🪄"),
        _button(f"MJ::JOB::high_variation::1::{mark}::SOLO", "Vary (Strong)", "🪄"),
        _button(f"MJ::Inpaint::1::{mark}::SOLO", "Vary (Region)", "🖌️"),
        _button(f"MJ::Outpaint::50::1::{mark}::SOLO", "Zoom Out 2x", "🔍"),
        _button(f"MJ::Outpaint::75::1::{mark}::SOLO", "Zoom Out 1.5x", "🔍"),
        _button(f"MJ::CustomZoom::{mark}", "Custom Zoom", "🔍"),
        _button(f"MJ::JOB::pan_left::1::{mark}::SOLO", "", "⬅️"),
        _button(f"MJ::JOB::pan_right::1::{mark}::SOLO", "", "➡️"),
        _button(f"MJ::JOB::pan_up::1::{mark}::SOLO", "", "⬆️"),
        _button(f"MJ::JOB::pan_down::1::{mark}::SOLO", "", "⬇️"),
        _button(f"MJ::BOOKMARK::{mark}", "", "❤️"),
    ]
    return others if is_second else [*again, *others]


def _button(custom_id: str, label: str, emoji: str = "") -> dict[str, Any]:
    return {"customId": custom_id, "emoji": emoji, "label": label, "type": 2, "style": 2}


_AFTER_DESCRIBE = (
    _button("MJ::Picread::Retry", "", "🔄"),
    _button("MJ::Job::PicReader::all", "Imagine all", "🎉"),
)
