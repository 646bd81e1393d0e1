"""What should have stood there, in our words: pydantic's own name types and validators that nobody wrote."""

from __future__ import annotations

from pydantic_core import ErrorDetails

TIME = "a time with its zone, such as 2026-11-21T10:00:00Z"
DATE = "a date such as 2026-11-21"
MAPPING = "a mapping of keys to values"
WORDS = {
    "missing": "this key, which is required",
    "extra_forbidden": "no such key",
    "string_type": "text",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches the pattern {pattern}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": MAPPING,
    "model_type": MAPPING,
    "model_attributes_type": MAPPING,
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_long": "at most {max_length} of them, not {actual_length}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "uuid_type": "an id, 32 hex digits",
    "uuid_parsing": "an id, 32 hex digits",
    "datetime_type": TIME,
    "datetime_parsing": TIME,
    "datetime_from_date_parsing": TIME,
    "datetime_object_invalid": TIME,
    "timezone_aware": TIME,
    "date_type": DATE,
    "date_parsing": DATE,
    "date_from_datetime_parsing": DATE,
    "json_invalid": "JSON: {error}",
    "json_type": "JSON",
}


def expected(error: ErrorDetails) -> str:
    """What was expected where a validation failed."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", error["msg"]))
    if kind == "string_too_short":
        least = context["min_length"]
        return "text" if least == 1 else f"text of at least {least} characters"
    if kind == "too_short":
        least = context["min_length"]
        return f"at least {'one' if least == 1 else least}, not {context['actual_length'] or 'none'}"
    return WORDS[kind].format(**context) if kind in WORDS else error["msg"]
