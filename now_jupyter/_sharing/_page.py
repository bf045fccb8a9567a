"""A contact sheet as one page of HTML: pictures and words in it, no script, nothing loaded from anywhere.

All text comes from outside and is escaped; the page forbids itself everything but its own pictures and style.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from html import escape

from .._media import Copy, can_show, labels_in, source_type
from .._messages import BadImageError, Language, plain, printable
from .._values import Output, Picture

__all__ = ["page_of"]

_LONGEST = 1024
_LONGEST_ALT = 300
_LONGEST_WORDS = 2000
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1.5rem; max-width: 100rem; font: 15px/1.5 system-ui, sans-serif;
  color: #1b1b1f; background: #fff; }
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; break-inside: avoid; }
img { display: block; max-width: 100%; max-height: 22rem; width: auto; height: auto; border-radius: 6px;
  background: #8882; }
figcaption { margin-top: .5rem; overflow-wrap: anywhere; }
.words { white-space: pre-wrap; margin: 0; }
.facts { margin: .25rem 0 0; color: #5f5f68; font-size: .85em; }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8ec; background: #17171b; }
  .facts { color: #a2a2ad; }
}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

Shrink = Callable[[Output, bytes, int], Copy]


def page_of(
    outputs: Iterable[tuple[Output, Callable[[], bytes]]],
    *,
    title: str,
    metadata: bool,
    shrink: Shrink,
    language: Language,
) -> Iterator[bytes]:
    """Yield the page, a piece for each output; `metadata` puts under each how it was made."""
    name = escape(plain(title, 200))
    yield (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n<main>\n"
    ).encode()
    for place, (output, read) in enumerate(outputs, 1):
        yield _figure(output, read, place, metadata=metadata, shrink=shrink).encode("utf-8", "replace")
    yield b"</main>\n</body>\n</html>\n"


def _figure(output: Output, read: Callable[[], bytes], place: int, *, metadata: bool, shrink: Shrink) -> str:
    image = _image(output, read, place, metadata=metadata, shrink=shrink)
    words = _caption(output) if metadata else ""
    return (
        f'<figure itemscope itemtype="https://schema.org/ImageObject">\n{image}\n'
        f"<figcaption>{words or f'<p class=facts>{place}</p>'}</figcaption>\n</figure>\n"
    )


def _image(output: Output, read: Callable[[], bytes], place: int, *, metadata: bool, shrink: Shrink) -> str:
    if not isinstance(output, Picture) or not can_show(output.mime):
        return f"<p>{escape(plain(output.path.name, 200))}</p>"
    try:
        copy = shrink(output, read(), _LONGEST)
    except BadImageError as problem:
        return f"<p>{escape(plain(problem.message(), 300))}</p>"
    source = base64.b64encode(copy.data).decode()
    prompt = str(output.made.get("prompt") or "")
    alt = output.alt if metadata or output.alt != prompt else str(place)
    said, _aigc = labels_in(copy.data)
    label = f'<meta itemprop="digitalSourceType" content="{_SOURCE_TYPES}{escape(said or source_type(output.made))}">'
    size = f' width="{output.width}" height="{output.height}"' if output.width and output.height else ""
    return (
        f'<img itemprop="contentUrl" loading="lazy" decoding="async"{size} alt="{escape(plain(alt, _LONGEST_ALT))}" '
        f'src="data:{copy.media.mime};base64,{source}">{label}'
    )


def _caption(output: Output) -> str:
    made = output.made
    size = f"{output.width} × {output.height}" if isinstance(output, Picture) and output.width else ""
    params = made.get("params")
    given = [f"{name} {value}" for name, value in params.items()] if isinstance(params, dict) else []
    seed = [f"seed {made['seed']}"] if "seed" in made and not (isinstance(params, dict) and "seed" in params) else []
    facts = [output.ref, "★" if output.starred else "", str(made.get("model") or ""), size, *given, *seed, *output.tags]
    parts = [f'<p class="words">{_words(made.get("prompt"))}</p>']
    if isinstance(output, Picture) and output.revised_prompt:
        parts.append(f'<p class="words facts">↳ {_words(output.revised_prompt)}</p>')
    parts.append(f'<p class="facts">{escape(" · ".join(plain(one, 120) for one in facts if one))}</p>')
    return "\n".join(parts)


def _words(text: object) -> str:
    return escape(printable(str(text or "")[:_LONGEST_WORDS]))
