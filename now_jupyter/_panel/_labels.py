"""All words of the panel, by the names under which its script knows them."""

from __future__ import annotations

from .._messages import Language, say

__all__ = ["labels"]


def labels(language: Language) -> dict[str, str]:
    """Give all words in a language; what stands in single braces is filled in by the script."""
    return {**_making(language), **_looking(language), **_comparing(language), "language": language}


def _making(language: Language) -> dict[str, str]:
    return {
        "panel": say("Pictures", language),
        "draft": say("Make a picture", language),
        "prompt": say("Prompt", language),
        "promptHint": say("Describe the picture", language),
        "model": say("Model", language),
        "automatic": say("auto", language),
        "size": say("Size", language),
        "resolution": say("resolution", language),
        "quality": say("Quality", language),
        "style": say("Style", language),
        "background": say("Background", language),
        "format": say("Format", language),
        "compression": say("Compression", language),
        "n": say("Number", language),
        "seed": say("Seed", language),
        "negative": say("Leave out", language),
        "more": say("More settings", language),
        "others": say("Other parameters", language),
        "key": say("Name", language),
        "value": say("Value", language),
        "add": say("Add a parameter", language),
        "remove": say("Remove", language),
        "generate": say("Generate", language),
        "shortcut": say("Ctrl+Enter", language),
        "copyCell": say("Copy as cell", language),
        "copied": say("The cell is on the clipboard; paste it into the notebook", language),
        "copyByHand": say("Copy this into a cell", language),
        "undo": say("Undo", language),
        "undoDraft": say("Bring back the draft before", language),
        "drop": say("Drop a picture here to see how it was made", language),
        "open": say("Recall a picture file", language),
        "recalled": say("The draft is filled from the picture", language),
        "from": say("from {{ref}}", language),
        "forget": say("Do not link to it", language),
        "running": say("Under way", language),
        "stop": say("Stop waiting", language),
        "cancel": say("Cancel", language),
        "stopWhy": say("Already ordered; it arrives in the gallery", language),
        "cancelWhy": say("Nothing has been sent yet", language),
        "dismiss": say("Dismiss", language),
        "usually": say("usually {{seconds}} s", language),
        "ordering": say("Ordering", language),
        "ordered": say("Ordered", language),
        "arrived": say("{{ref}} is here", language),
        "failed": say("{{ref}} failed", language),
        "orderAgain": say("Order all the same", language),
        "notNow": say("Not now", language),
        "demo": say("demo, costs nothing", language),
        "left": say("Left: {{amount}}", language),
        "moved": say("The history is now {{folder}}", language),
        "silentKernel": say("The kernel is busy or gone; what you asked for waits.", language),
        "noKernel": say("The kernel does not answer. Run this cell to bring the panel back.", language),
    }


def _looking(language: Language) -> dict[str, str]:
    return {
        "gallery": say("Gallery", language),
        "search": say("Search", language),
        "allModels": say("All models", language),
        "allTags": say("All tags", language),
        "allStates": say("All states", language),
        "starredOnly": say("Starred only", language),
        "status.done": say("done", language),
        "status.partial": say("incomplete", language),
        "status.failed": say("failed", language),
        "status.running": say("running", language),
        "status.pending": say("waiting", language),
        "status.cancelled": say("cancelled", language),
        "status.unknown": say("outcome unknown", language),
        "empty": say("No pictures yet", language),
        "emptyHint": say("What you make here or in a cell appears here.", language),
        "nothing": say("Nothing fits", language),
        "clear": say("Clear search and filters", language),
        "shown": say("{{count}} entries", language),
        "one": say("1 entry", language),
        "keys": say(
            "Arrow keys move, Enter opens, S stars, C chooses for comparison, T tags, Delete moves to the trash",
            language,
        ),
        "star": say("Star", language),
        "unstar": say("Take the star off", language),
        "choose": say("Choose for comparison", language),
        "trash": say("Move to the trash", language),
        "trashed": say("{{ref}} is in the trash", language),
        "restored": say("{{ref}} is back", language),
        "tags": say("Tags", language),
        "addTag": say("Add a tag", language),
        "removeTag": say("Take off the tag {{tag}}", language),
        "close": say("Close", language),
        "previous": say("Newer picture", language),
        "next": say("Older picture", language),
        "zoomIn": say("Zoom in", language),
        "zoomOut": say("Zoom out", language),
        "zoomFit": say("Fit", language),
        "picture": say("Picture {{place}} of {{count}}", language),
        "zoomable": say("Picture; arrow keys move it, plus and minus zoom, 0 fits", language),
        "usePrompt": say("Use prompt", language),
        "useAll": say("Use all", language),
        "remix": say("Remix", language),
        "remixWhy": say("Use all but the seed", language),
        "edit": say("Edit", language),
        "editWhy": say("Edit this picture as the prompt of the form says", language),
        "vary": say("Vary", language),
        "revised": say("Revised prompt", language),
        "parameters": say("Parameters", language),
        "parents": say("Made from", language),
        "children": say("Made from this", language),
        "service": say("Next steps of the service", language),
    }


def _comparing(language: Language) -> dict[str, str]:
    return {
        "compare": say("Compare", language),
        "chosen": say("{{count}} chosen", language),
        "tooMany": say("At most {{count}} can be compared", language),
        "unchoose": say("Clear the choice", language),
        "slider": say("Slider", language),
        "side": say("Side by side", language),
        "flicker": say("Flicker", language),
        "divide": say("Divider between the two pictures", language),
        "play": say("Play", language),
        "pause": say("Pause", language),
        "same": say("Everything that was asked for is the same", language),
        "added": say("added", language),
        "taken": say("taken out", language),
    }
