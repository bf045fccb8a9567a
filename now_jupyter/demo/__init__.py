"""The relay's double: a picture relay that draws, keeps accounts and misbehaves on request.

It speaks the wire protocol of an OpenAI-compatible relay of the new-api family without a network: OpenAI images (JSON,
base64, links, streams), edits and variations, models, prices, balance, Midjourney tasks and Ideogram. The pictures are
deterministic drawings of the prompt, visibly marked DEMO.

Identity: one `Relay` is one relay with its own accounts, tasks and links; nothing is shared between two of them, and
nothing outlives them. The same first request to two fresh relays gives the same bytes.

Any request may carry a field ``demo`` asking for latency or a fault; the table stands in `now_jupyter.demo._wishes`.
"""

from ._relay import Relay
from ._serve import serve
from ._wire import Charge, Request, Response

__all__ = ["Charge", "Relay", "Request", "Response", "serve"]
