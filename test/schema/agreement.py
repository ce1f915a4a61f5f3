#!/usr/bin/python3
"""The JSON Schema that we ship and the server's reader agree: what one calls valid, the other does.

    agreement.py CHECK_SPEC

CHECK_SPEC is the program built from check_spec.cpp: the reader, asked without a server. Speaks TAP. What the server alone can know is
marked in mistakes.json with the reason ("server_only"): there the schema has to be content, and the server not.
"""
import copy
import glob
import json
import os
import subprocess
import sys

from jsonschema import Draft202012Validator

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from examples import examples  # noqa: E402


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def changed(spec, mistake):
    """The spec with one member replaced, added or dropped."""
    spec = copy.deepcopy(spec)
    *way, last = mistake["at"]
    place = spec
    for step in way:
        place = place[step]
    if mistake.get("drop"):
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(mistake["put"])
    else:
        place[last] = mistake["put"]
    return spec


def keys_of_schema(schema):
    """Every key that the schema gives an object."""
    keys = set()
    if isinstance(schema, dict):
        for word, part in schema.items():
            if word == "properties":
                keys.update(part)
            for nested in part.values() if word in ("properties", "$defs") else [part]:
                keys |= keys_of_schema(nested)
    elif isinstance(schema, list):
        for part in schema:
            keys |= keys_of_schema(part)
    return keys


def keys_of_specs(parts):
    keys = set()
    for part in parts:
        if isinstance(part, dict):
            keys |= set(part) | keys_of_specs(part.values())
        elif isinstance(part, list):
            keys |= keys_of_specs(part)
    return keys


class Server:
    """Asks the reader: a spec a line goes in, its problems come out."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def problems(self, spec):
        self.process.stdin.write(json.dumps(spec) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, *notes):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        for note in [] if good else notes:
            print(f"#   {note}")


def main():
    schema = load(os.path.join(ROOT, "sources", "source.schema.json"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    server = Server(sys.argv[1])
    tap = Tap()

    def agree(name, spec, valid):
        complaints = [f"schema: {error.json_path}: {error.message[:120]}" for error in validator.iter_errors(spec)]
        problems = [p for p in server.problems(spec) if not p["warning"]]
        complaints_of_server = [f"server: {p['path']}: {p['message']}" for p in problems]
        tap.ok(bool(complaints) != valid and bool(problems) != valid, name, *complaints, *complaints_of_server)

    for path in sorted(glob.glob(os.path.join(ROOT, "sources", "*.json"))):
        if not path.endswith(".schema.json"):
            agree(f"sources/{os.path.basename(path)} is valid", load(path), True)
    # Mistakes are made in copies of their own, so that what we ship may change.
    specs = {}
    for path in sorted(glob.glob(os.path.join(HERE, "specs", "*.json"))):
        name = os.path.splitext(os.path.basename(path))[0]
        specs[name] = load(path)
        agree(f"test/schema/specs/{name}.json is valid", specs[name], True)
    for example in examples(os.path.join(ROOT, "docs", "sources.md")):
        agree(f"docs/sources.md:{example.line} is valid", example.spec, True)

    undocumented = keys_of_schema(schema) - keys_of_specs(example.spec for example in examples(os.path.join(ROOT, "docs", "sources.md")))
    tap.ok(not undocumented, "every key has an example in docs/sources.md", *sorted(undocumented))

    for mistake in load(os.path.join(HERE, "mistakes.json")):
        spec = changed(specs[mistake["spec"]], mistake)
        what = "without it" if mistake.get("drop") else json.dumps(mistake["put"])
        name = f"{mistake['spec']}, {'.'.join(map(str, mistake['at']))}: {what[:60]}"
        by_schema = not list(validator.iter_errors(spec))
        problems = [p for p in server.problems(spec) if not p["warning"]]
        told = any(p["path"] == mistake["problem"] for p in problems)
        notes = [f"expected a problem at {mistake['problem']}"] + [f"server: {p['path']}: {p['message']}" for p in problems]
        if "server_only" in mistake:
            tap.ok(by_schema and told, name + f" (server only: {mistake['server_only']})", "schema: " + str(by_schema), *notes)
        else:
            tap.ok(not by_schema and told, name, f"schema calls it {'valid' if by_schema else 'invalid'}", *notes)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
