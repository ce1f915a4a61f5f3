"""The examples of docs/sources.md as whole specs.

A block that begins with ```json is a whole spec if it has a "spec_version". Otherwise the words after "json" say what it shows: members
of a source ("source"), of a stream ("stream"), of the source's streams ("streams"), or a way to sign in ("auth"). The rest of the spec
is that of the documentation's shop.
"""
import copy
import json
import os
import sys
from dataclasses import dataclass

SHOP = {
    "spec_version": 1,
    "source": "shop",
    "base_url": "https://api.shop.example",
    "auth": {"type": "none"},
    "streams": {
        "orders": {
            "path": "/orders",
            "target": "orders",
            "primary_key": ["id"],
            "columns": {
                "id": {"path": "id", "type": "text"},
                "status": {"path": "status", "type": "text"},
                "updated_at": {"path": "updated_at", "type": "timestamptz"},
            },
        }
    },
}


@dataclass
class Example:
    line: int  # where the block begins
    spec: dict


def placed(kind, part, line):
    spec = copy.deepcopy(SHOP)
    if kind == "source":
        spec.update(part)
    elif kind == "stream":
        spec["streams"]["orders"].update(part)
    elif kind == "streams":
        spec["streams"].update(part)
    elif kind == "auth":
        spec["auth"] = part
    elif "spec_version" in part:
        return part
    else:
        raise ValueError(f"line {line}: what does this block show?")
    return spec


def examples(path):
    found = []
    block = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("```"):
                if block is not None:
                    start, kind, text = block
                    part = json.loads("".join(text))
                    found.append(Example(start, placed(kind, part, start)))
                    block = None
                elif line.startswith("```json"):
                    block = (number, line[len("```json"):].strip(), [])
                else:
                    block = None
            elif block is not None:
                block[2].append(line)
    return found


if __name__ == "__main__":  # writes each example into a folder, for the test that runs them
    for example in examples(sys.argv[1]):
        with open(os.path.join(sys.argv[2], f"{example.line:04}.json"), "w", encoding="utf-8") as out:
            json.dump(example.spec, out)
