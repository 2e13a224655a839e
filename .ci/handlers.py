"""What CloudFormation's handlers of a type may have to call, from the types' schemas that cfn-lint carries.

    .ci/handlers.py core/src/infra/access/handlers.json          prints the file anew, for the types that it has
    .ci/handlers.py core/src/infra/access/handlers.json TYPE…    and for these

The service role of an environment is derived from it. Lists of a type are joined: one role makes, reads, changes and
deletes. `read` is what drift detection calls with the rights of whoever asks for it.
"""

import json
import sys
from pathlib import Path

import cfnlint

data = Path(cfnlint.__file__).parent / "data" / "schemas"
known = json.loads((data.parent / "AdditionalSpecs" / "Policies.json").read_text())
places = json.loads((data / "providers" / "us-east-1.json").read_text())


def actions(kind):
    schema = json.loads((data / "resources" / f"{places[kind]}.json").read_text())
    handlers = schema.get("handlers", {})
    every = {action for handler in handlers.values() for action in handler.get("permissions", [])}
    every |= set(schema.get("tagging", {}).get("permissions", []))
    read = set(handlers.get("read", {}).get("permissions", []))
    return {"all": clean(every), "read": clean(read)}


def clean(found):
    """Some schemas write the service in capitals, or name operations that IAM has no action for."""
    parts = (action.split(":", 1) for action in found if ":" in action)
    split = ((service.lower(), name) for service, name in parts)
    return sorted({f"{service}:{name}" for service, name in split if name.lower() in actions_of(service)})


def actions_of(service):
    return known.get(service, {}).get("Actions", {})


path = Path(sys.argv[1])
kinds = set(sys.argv[2:])
if path.exists():
    kinds |= set(json.loads(path.read_text())["types"])
types = {kind: actions(kind) for kind in sorted(kinds)}
print(json.dumps({"types": types}, indent=1))
