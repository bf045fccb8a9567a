"""The family of a picture: what it was made from, and what was made of it, as text and as small pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from .._bundles import small_image
from .._messages import Language, plain, say
from .._values import Generation

__all__ = ["Tree", "tree_of", "way_of", "words_of"]

_PROMPT_SHOWN = 60
_MOST = 200  # generations of one family that are listed
_DEEPEST = 40


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Tree:
    """A generation, its parents, and its children as trees in turn; shown as text, in notebooks with small pictures.

    `more` counts children that are too far down to be listed: their own tree shows them. `of` are the pictures that it
    was made from, where a parent has several.
    """

    generation: Generation
    of: tuple[str, ...] = ()
    parents: tuple[Generation, ...] = ()
    children: tuple[Tree, ...] = ()
    more: int = 0
    language: Language = "en"

    def __repr__(self) -> str:
        lines = [_line_of(Tree(generation=one, language=self.language), "↑ ") for one in self.parents]
        lines += [_line_of(tree, stem) for stem, _, tree in _branches(self)]
        return "\n".join(_shortened(lines))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        rows = [_row_of(Tree(generation=one, language=self.language), "↑ ", 0) for one in self.parents]
        rows += [_row_of(tree, "", depth + bool(self.parents)) for _, depth, tree in _branches(self)]
        return {"text/plain": repr(self), "text/html": "".join(_shortened(rows))}


def _branches(tree: Tree, stem: str = "", depth: int = 0) -> Iterator[tuple[str, int, Tree]]:
    """Yield a tree and all below it, each with what is drawn before it and how deep it is."""
    yield stem, depth, tree
    before = stem.replace("├─ ", "│  ").replace("└─ ", "   ")
    for at, child in enumerate(tree.children, 1):
        yield from _branches(child, before + ("└─ " if at == len(tree.children) else "├─ "), depth + 1)


def _shortened(lines: list[str]) -> list[str]:
    return [*lines[:_MOST], "…"] if len(lines) > _MOST else lines


def _line_of(tree: Tree, stem: str = "") -> str:
    one, language = tree.generation, tree.language
    of = f"← {', '.join(tree.of)}" if tree.of else ""
    facts = (one.ref, "★" if one.starred else "", way_of(one, language), of, plain(one.prompt, _PROMPT_SHOWN))
    more = f"… {tree.more}" if tree.more else ""
    return stem + " · ".join(fact for fact in (*facts, plain(one.model, 40), more) if fact)


def _row_of(tree: Tree, stem: str, depth: int) -> str:
    pictures = "".join(small_image(picture) for picture in tree.generation.pictures if not picture.is_side)
    return (
        f'<div style="display:flex;align-items:center;gap:.6em;margin:.2em 0 .2em {2 * depth}em">'
        f"{pictures}<span>{escape(_line_of(tree, stem))}</span></div>"
    )


def way_of(one: Generation, language: Language = "en") -> str:
    """Return in a word or two how a generation was made of another: `edit, mask`, `variation`, `U2`; else nothing."""
    request = one.request
    if request.button:
        return plain(request.button, 40)
    if request.given("vary"):
        return say("variation", language)
    words = [say("edit", language)] if request.given("picture") else []
    return ", ".join([*words, *([say("mask", language)] if request.given("mask") else [])])


def words_of(one: Generation, language: Language = "en") -> str:
    """Return the prompt; where there was none, the button or the variation that stood in its place."""
    has_way = one.request.button or one.request.given("vary")
    return one.prompt or (way_of(one, language) if has_way else "")


def tree_of(generation: Generation, every: Sequence[Generation], language: Language) -> Tree:
    """Return the family of a generation among all that there are."""
    by_id = {one.id: one for one in every}
    by_parent: dict[str, list[Generation]] = {}
    for one in every:
        for parent in dict.fromkeys(one.parents):
            by_parent.setdefault(parent, []).append(one)
    below = _tree_below(generation, by_parent, {generation.id}, language)
    parents = tuple(by_id[parent] for parent in generation.parents if parent in by_id)
    return replace(below, parents=parents, of=tuple(ref for one in parents for ref in _pictures_of(generation, one)))


def _pictures_of(generation: Generation, parent: Generation) -> Iterator[str]:
    """Yield the pictures of a parent that a generation was made from, where it has several."""
    given = {one.sha256 for one in generation.request.inputs if one.role != "mask"}
    if len(parent.outputs) > 1:
        yield from (one.ref for one in parent.outputs if one.sha256 in given)


def _tree_below(
    generation: Generation,
    by_parent: Mapping[str, Sequence[Generation]],
    seen: set[str],
    language: Language,
    depth: int = 0,
) -> Tree:
    """Return a generation with its children, each below the first of its parents; a folder may claim circles."""
    found = [one for one in by_parent.get(generation.id, ()) if one.id not in seen]
    if depth == _DEEPEST:
        return Tree(generation=generation, more=len(found), language=language)
    seen |= {one.id for one in found}
    below = (_tree_below(one, by_parent, seen, language, depth + 1) for one in found)
    children = tuple(replace(one, of=tuple(_pictures_of(one.generation, generation))) for one in below)
    return Tree(generation=generation, children=children, language=language)
