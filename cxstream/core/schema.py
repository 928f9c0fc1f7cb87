"""Schemas: what publishers are told about the events, as JSON Schema per topic and one AsyncAPI document.

Generated from the models, so that they cannot say anything else; the files in ``schemas/`` are compared with
what this module makes of the models (``cxstream schemas --check``). The schemas accept every spelling that
the reader accepts. What they cannot say, the reader alone refuses: days that a month does not have, scores
outside their scale, times ahead of the clock.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from cxstream.core import notice
from cxstream.core.models import PAYLOADS, SPELLINGS, Payload
from cxstream.core.notice import Notice
from cxstream.core.refusal import REASONS

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NOTICE_FILE: Final = f"{notice.TOPIC}.json"
DEAD_LETTERS: Final = "cxstream-dead-letters"
ASYNCAPI_FILE: Final = "asyncapi.yaml"
VERSION: Final = "1.0.0"
"""Of the events, not of the program."""

_ABSENT: Final[list[JsonSchemaValue]] = [{"enum": [None, ""]}]  # both are read as if the field were not there
_IGNORED: Final[list[JsonSchemaValue]] = [
    {"description": "Anything else is accepted, and read as described."}
]
_PARTITIONS: Final = 4
_REPLICAS: Final = 1
_RETENTION: Final = 30 * 86_400_000  # ms, the default time for which tickets are kept
_DEAD_LETTER_HEADERS: Final = {
    "cx-error-reason": "Why it is no valid event.",
    "cx-error-message": "The same in words, with the field.",
    "cx-original-topic": "Where the record was.",
    "cx-original-partition": "Its partition, in decimal.",
    "cx-original-offset": "Its offset, in decimal.",
    "cx-original-timestamp": "Its Kafka timestamp in ms, in decimal.",
}


def documents() -> dict[str, str]:
    """The text of every generated file, by file name."""
    files = {_file(payload): _json_text(json_schema(payload)) for payload in PAYLOADS}
    files[_NOTICE_FILE] = _json_text(notice_schema())
    files[ASYNCAPI_FILE] = _yaml_text(asyncapi())
    return files


def json_schema(payload: type[Payload]) -> JsonSchemaValue:
    """The JSON Schema (draft 2020-12) of the values of a topic."""
    generated = payload.model_json_schema()
    required = generated["required"]
    properties = {
        name: _property(payload, name, dict(schema), required=name in required)
        for name, schema in generated["properties"].items()
    }
    return {
        "$schema": DIALECT,
        "$id": _file(payload),
        "title": payload.topic,
        "description": generated["description"],
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": True,
        "examples": [payload.example],
    }


def notice_schema() -> JsonSchemaValue:
    """The JSON Schema of the values of ``sla-events``, which this program writes."""
    generated = Notice.model_json_schema()
    properties = {}
    for name, schema in generated["properties"].items():
        written = {key: value for key, value in schema.items() if key not in {"title", "default"}}
        if "anyOf" in written:  # what says nothing is left out, never null
            written |= next(each for each in written.pop("anyOf") if each != {"type": "null"})
        properties[name] = written
    return {
        "$schema": DIALECT,
        "$id": _NOTICE_FILE,
        "title": notice.TOPIC,
        "description": generated["description"],
        "type": "object",
        "required": generated["required"],
        "properties": properties,
        "additionalProperties": True,
        "examples": [Notice.example],
    }


def _property(
    payload: type[Payload], name: str, generated: JsonSchemaValue, *, required: bool
) -> JsonSchemaValue:
    """The schema of a field: its description, then the alternatives."""
    spelling = SPELLINGS[payload.topic][name]
    schema: JsonSchemaValue = {"description": generated.pop("description")}
    for noise in ("title", "default"):
        generated.pop(noise, None)
    if spelling.default is not None:
        schema["default"] = spelling.default
    if required:
        return schema | generated
    alternatives = generated["anyOf"] if set(generated) == {"anyOf"} else [generated]
    return schema | {"anyOf": [*alternatives, *(_IGNORED if spelling.optional else _ABSENT)]}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of all topics that are read, and of the dead letters."""
    names = {payload.topic: _camel_case(payload.topic) for payload in PAYLOADS}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:cxstream:events",
        "info": {
            "title": "cxstream events",
            "version": VERSION,
            "description": "Events of a helpdesk, from which cxstream computes live numbers. The key of a "
            "record is the ticket id, or source/ticket_id; its partition is chosen by Java's murmur2.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {"host": "localhost:9092", "protocol": "kafka"},
            "production": {
                "host": "kafka.example.invalid:9093",
                "protocol": "kafka-secure",
                "security": [{"$ref": "#/components/securitySchemes/scram"}],
            },
        },
        "channels": {name: _channel(topic, name) for topic, name in names.items()}
        | {
            "slaEvents": _channel(notice.TOPIC, "slaEvent"),
            "deadLetters": _channel(DEAD_LETTERS, "deadLetter"),
        },
        "operations": {
            f"read{name[0].upper()}{name[1:]}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{name}"},
                "bindings": {"kafka": {"groupId": {"type": "string", "enum": ["cxstream"]}}},
            }
            for name in names.values()
        }
        | {
            "sendSlaEvent": {"action": "send", "channel": {"$ref": "#/channels/slaEvents"}},
            "sendDeadLetter": {"action": "send", "channel": {"$ref": "#/channels/deadLetters"}},
        },
        "components": {
            "securitySchemes": {"scram": {"type": "scramSha512"}},
            "messages": {names[payload.topic]: _message(payload) for payload in PAYLOADS}
            | {"slaEvent": _sla_event(), "deadLetter": _dead_letter()},
        },
    }


def _channel(topic: str, message: str) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": _PARTITIONS,
                "replicas": _REPLICAS,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": _RETENTION},
            }
        },
    }


def _message(payload: type[Payload]) -> dict[str, Any]:
    return {
        "name": payload.topic,
        "summary": payload.__doc__,
        "contentType": "application/json",
        "bindings": {"kafka": {"key": {"type": "string", "description": "ticket id, or source/ticket_id"}}},
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./{_file(payload)}"},
        },
        "examples": [{"payload": payload.example}],
    }


def _sla_event() -> dict[str, Any]:
    return {
        "name": notice.TOPIC,
        "summary": Notice.__doc__,
        "contentType": "application/json",
        "bindings": {"kafka": {"key": {"type": "string", "description": "ticket id"}}},
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./{_NOTICE_FILE}"},
        },
        "examples": [{"payload": Notice.example}],
    }


def _dead_letter() -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {
        name: {"type": "string", "description": meaning} for name, meaning in _DEAD_LETTER_HEADERS.items()
    }
    properties["cx-error-reason"]["enum"] = list(REASONS)
    return {
        "name": "dead-letter",
        "summary": "A record that is no valid event, its key, value and headers as they were.",
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
        "headers": {"type": "object", "required": list(properties), "properties": properties},
    }


def _file(payload: type[Payload]) -> str:
    return f"{payload.topic}.json"


def _camel_case(topic: str) -> str:
    first, *rest = topic.split("-")
    return first + "".join(word.capitalize() for word in rest)


def _json_text(document: JsonSchemaValue) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Dumper(yaml.SafeDumper):
    """Repeats what occurs twice, since anchors are for machines."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - overrides
        return True


def _yaml_text(document: dict[str, Any]) -> str:
    head = "# Generated from the models by `cxstream schemas`; edit those instead.\n"
    return head + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
