"""The directive `schema-table`: the properties of a JSON Schema that ships with nativewheel, as a list with descriptions."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class SchemaTable(Directive):
    """List the properties of the object that ``pointer`` leads to (keys and numbers with slashes between), or of the whole document."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the list."""
        schema = json.loads(files("nativewheel.schemas").joinpath(self.arguments[0]).read_text(encoding="utf-8"))
        place = schema
        for key in self.arguments[1].split("/") if len(self.arguments) > 1 else ():
            place = place[int(key) if isinstance(place, list) else key]
        items = nodes.definition_list()
        for name, declared in place["properties"].items():
            about = _resolved(declared, schema)
            items += _item(name, _type(about, schema), about.get("description", ""))
        return [items]


def _item(name: str, kind: str, description: str) -> nodes.definition_list_item:
    term = nodes.term("", "", nodes.literal(text=name), nodes.Text(f" ({kind})"))
    return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph(text=description)))


def _resolved(declared: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references into the schema itself; what stands beside one goes over what it leads to."""
    while "$ref" in declared:
        target = schema
        for key in declared["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        declared = {**target, **{key: value for key, value in declared.items() if key != "$ref"}}
    for part in declared.get("allOf", ()):
        declared = {**_resolved(part, schema), **declared}
    return declared


def _type(about: dict[str, Any], schema: dict[str, Any]) -> str:
    if "const" in about:
        return json.dumps(about["const"])
    if "enum" in about:
        return " or ".join(map(json.dumps, about["enum"]))
    if "anyOf" in about:
        return " or ".join(dict.fromkeys(_type(_resolved(option, schema), schema) for option in about["anyOf"]))
    kind = about["type"]
    return kind if isinstance(kind, str) else " or ".join(kind)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("schema-table", SchemaTable)
    return {"parallel_read_safe": True}
