"""What should have stood there, in our words: pydantic's own name types and validators that nobody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails, ValidationError

TIME = "a time with its zone, such as 2026-11-21T10:00:00Z"
DATE = "a date such as 2026-11-21"
MAPPING = "a mapping of keys to values"
URL = "an address such as https://example.com/"
KEY = "this key, which is required"
NESTED = "something that is nested less deeply"
OTHER = "another value"
PATTERNS = {
    r"^[a-z][a-z0-9-]{1,61}[a-z0-9]$": "3 to 63 of a-z, 0-9 and -, a letter first and no - last",
    r"^[a-z][a-z0-9-]{0,61}$": "up to 62 of a-z, 0-9 and -, a letter first",
    r"^[a-z0-9][a-z0-9.-]{0,62}$": "up to 63 of a-z, 0-9, . and -, a letter or digit first",
    r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "up to 64 letters, digits and _, a letter first",
    r"^[a-z][a-z0-9_]{0,62}$": "up to 63 of a-z, 0-9 and _, a letter first",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$": "up to 100 letters, digits, _, . and -, a letter or digit first",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": "up to 100 letters, digits, _, . and -, a letter or digit first",
    r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$": "up to 100 letters, digits, _, ., / and -, a letter or digit first",
    r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99})?$": "a file, or folder/file, no . first",
    r"^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$": "a table, or schema.table: letters, digits, _",
    r"^[\w.-]+$": "letters, digits, _, . and -",
    r"^[^\s/][^\s]{0,199}$": "up to 200 characters without spaces, no / first",
    r"^\S(.*\S)?$": "text in one line without spaces around it",
    r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$": "a licence as SPDX writes it, such as Apache-2.0",
    r"^[a-z]{2}$": "a language's code of two letters, such as en",
    r"^sha256:[0-9a-f]{64}$": "sha256: and 64 hex digits",
}
"""What our models' patterns mean; a test looks for those that are not here."""
WORDS = {
    "missing": KEY,
    "extra_forbidden": "another key: there is none of this name",
    "string_type": "text",
    "string_too_long": "text of at most {max_length} characters",
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
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
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
    "int_parsing_size": "a whole number of fewer digits",
    "multiple_of": "a multiple of {multiple_of}",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "decimal_max_digits": "a number of at most {max_digits} digits",
    "decimal_max_places": "a number with at most {decimal_places} decimals",
    "decimal_whole_digits": "a number with at most {whole_digits} digits before the point",
    "fraction_type": "a number",
    "fraction_parsing": "a number",
    "complex_type": "a number",
    "complex_str_parsing": "a number",
    "string_unicode": "text in UTF-8",
    "string_not_ascii": "text of ASCII characters",
    "bytes_type": "bytes",
    "bytes_too_short": "at least {min_length} bytes",
    "bytes_too_long": "at most {max_length} bytes",
    "bytes_invalid_encoding": "bytes in {encoding}",
    "iterable_type": "a list",
    "iteration_error": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "deque_type": "a list",
    "set_item_not_hashable": "a list of plain values",
    "named_tuple_type": "a list",
    "arguments_type": "a list or a mapping",
    "mapping_type": MAPPING,
    "frozen_dict_type": MAPPING,
    "ordered_dict_type": MAPPING,
    "counter_type": MAPPING,
    "dataclass_type": MAPPING,
    "dataclass_exact_type": MAPPING,
    "invalid_key": "keys that are text",
    "none_required": "nothing (null)",
    "frozen_field": "the value that it has: it can't be changed",
    "frozen_instance": "the values that it has: they can't be changed",
    "missing_argument": KEY,
    "missing_keyword_only_argument": KEY,
    "missing_positional_only_argument": KEY,
    "unexpected_keyword_argument": "another key: there is none of this name",
    "unexpected_positional_argument": "fewer values",
    "multiple_argument_values": "one value, not several",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "the key {discriminator}, which is required",
    "uuid_version": "an id of UUID's version {expected_version}",
    "date_from_datetime_inexact": DATE,
    "date_past": "a date that is past",
    "date_future": "a date to come",
    "datetime_past": "a time that is past",
    "datetime_future": "a time to come",
    "timezone_naive": "a time without a zone",
    "timezone_offset": TIME,
    "time_type": "a time of day such as 10:00:00",
    "time_parsing": "a time of day such as 10:00:00",
    "time_delta_type": "a duration such as PT10M",
    "time_delta_parsing": "a duration such as PT10M",
    "url_type": URL,
    "url_parsing": URL,
    "url_syntax_violation": URL,
    "url_too_long": "an address of at most {max_length} characters",
    "url_scheme": "an address that begins with {expected_schemes}",
    "recursion_loop": NESTED,
    "recursion_depth_exceeded": NESTED,
    **dict.fromkeys(
        (
            "no_such_attribute",
            "get_attribute_error",
            "needs_python_object",
            "default_factory_not_called",
            "missing_sentinel_error",
            "ellipsis_error",
            "is_instance_of",
            "is_subclass_of",
            "callable_type",
        ),
        OTHER,
    ),
}


def expected(error: ErrorDetails) -> str:
    """What was expected where a validation failed. Types that we have made say it themselves."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", error["msg"]))
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], f"text that matches the pattern {context['pattern']}")
    if kind == "string_too_short":
        least = context["min_length"]
        return "text that is not empty" if least == 1 else f"text of at least {least} characters"
    if kind == "too_short":
        least = context["min_length"]
        return f"at least {'one' if least == 1 else least}, not {context['actual_length'] or 'none'}"
    return WORDS[kind].format_map(_plain(context)) if kind in WORDS else error["msg"]


def faults(error: ValidationError) -> str:
    """Every place that failed with what was expected there, without what was given: it may be a person's text."""
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {expected(one)}" for one in found)


def _plain(context: Mapping[str, Any]) -> dict[str, str]:
    """What fills the holes: numbers as people write them, never 1e+06."""
    return {
        name: f"{value:,}" if type(value) is int else f"{value:g}" if type(value) is float else str(value)
        for name, value in context.items()
    }
