"""The wire's constants, once."""

from __future__ import annotations

GENERATIONS = "/v1/images/generations"
MODELS = "/v1/models"
JSON_TYPE = "application/json"
EVENT_STREAM = "text/event-stream"
PNG_TYPE = "image/png"
PNG_START = b"\x89PNG\r\n\x1a\n"
