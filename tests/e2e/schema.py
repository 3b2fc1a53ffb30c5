#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of a policy against the reader: schema.py SCHEMA keys ROOT | valid FILE...

keys: the schema and portmatrix-policy(5) know exactly the keys that the reader takes.
valid: exits 1, with the faults, unless every file has the form of a policy.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import yaml

READER = re.compile(r'Fields\s+\w+\(\s*reading,\s*[^,]+,\s*"an? ([a-z ]+)",\s*\{([^}]*)\}')
PLACES = {"policy file": [], "row": ["row"], "check": ["check"], "limit": ["limit"],
          "set": ["except", "file"], "expectation": ["expectation"]}


def complaints_about_keys(schema, root):
    found = {}
    for source in sorted(root.glob("policy/*/*.cpp")):
        for what, keys in READER.findall(source.read_text()):
            found[what] = set(re.findall(r'"([a-z0-9-]+)"', keys))
    if found.keys() != PLACES.keys():
        yield f"maps that the reader knows: {sorted(found)}"
    page = (root / "man/portmatrix-policy.5.scd.in").read_text()
    for what, keys in found.items():
        places = [schema["$defs"][name] for name in PLACES.get(what, [])] or [schema]
        known = set().union(*(place["properties"] for place in places))
        if known != keys:
            yield f"a {what}: only the reader or only the schema knows {sorted(known ^ keys)}"
        for key in keys:
            if f"*{key}*" not in page and f"*{{ {key}:" not in page:
                yield f"a {what}: portmatrix-policy(5) has no '{key}'"


class Loader(yaml.SafeLoader):
    """YAML 1.2, as the policy is: 2027-03-31 is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def complaints_about_files(schema, files):
    validator = jsonschema.Draft202012Validator(schema)
    for file in files:
        for error in validator.iter_errors(yaml.load(Path(file).read_text(), Loader)):
            place = "/".join(map(str, error.absolute_path))
            yield f"{file}: {place}: {error.message.splitlines()[0][:200]}"


schema = json.loads(Path(sys.argv[1]).read_text())
jsonschema.Draft202012Validator.check_schema(schema)
if sys.argv[2] == "keys":
    complaints = list(complaints_about_keys(schema, Path(sys.argv[3])))
else:
    complaints = list(complaints_about_files(schema, sys.argv[3:]))
print("\n".join(complaints))
sys.exit(bool(complaints))
