"""Says of each value whether it fits its JSON Schema; the tests of `assent` hand both over and read one verdict for each."""

import itertools
import json
import sys

from jsonschema import validators

given = json.load(sys.stdin)
checks = {}
for name, schema in given["schemas"].items():
    kind = validators.validator_for(schema)
    kind.check_schema(schema)
    checks[name] = kind(schema)
told = []
for name, value in given["values"]:
    errors = itertools.islice(checks[name].iter_errors(value), 5)
    told.append("; ".join(error.message for error in errors) or None)
json.dump(told, sys.stdout)
