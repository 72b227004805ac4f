"""The OpenAPI document: what each endpoint takes, returns and refuses."""

import re
from collections.abc import Set
from typing import Any

from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation

from trellis.web.problems import MEDIA_TYPE, Problem, kind_of

DESCRIPTION = """\
Operations with a lock need a signed-in user: a session cookie, with the CSRF token as `X-CSRFToken`
for changes, or a bearer token (`Authorization: Bearer …`, from `manage.py api_token`), which may do
what its user may. All others are for everybody.

Each error is a problem document (RFC 9457). Its `type` names the problem and does not change.
"""


class Documentation(OpenAPISchema):
    """ninja's OpenAPI document, with the problems that each operation can answer.

    An endpoint adds a status that these rules do not imply with `response={..., 403: None}`.
    """

    def responses(self, operation: Operation) -> dict[Any, Any]:
        documented: dict[Any, Any] = super().responses(operation)
        named = {status for status in documented if status >= 400}
        schema = {"$ref": REF_TEMPLATE.format(model="Problem")}
        for status in sorted(named | problems_of(operation)):
            if "content" not in documented.get(status, {}):
                documented[status] = {
                    "description": kind_of(status).title,
                    "content": {MEDIA_TYPE: {"schema": schema}},
                }
        return documented

    def get_components(self) -> dict[str, Any]:
        problem = Problem.model_json_schema(ref_template=REF_TEMPLATE)
        self.add_schema_definitions(problem.pop("$defs") | {"Problem": problem})
        components: dict[str, Any] = super().get_components()
        return components


def problems_of(operation: Operation) -> Set[int]:
    """Return the statuses of the errors that an operation can answer.

    Whatever changes something calls a service, which may refuse it in every way of `errors`.
    """
    takes = {model.__ninja_param_source__ for model in operation.models}
    statuses = {400, 500}
    if operation.auth_callbacks:
        statuses |= {401}
    if "path" in takes:
        statuses |= {404}
    if takes - {"path"} or re.search(r"{\w+}", operation.path):  # no converter checks this one
        statuses |= {422}
    if takes & {"body", "form", "file"}:
        statuses |= {413, 415}
    if operation.throttle_objects:
        statuses |= {429}
    if not {"GET", "HEAD", "OPTIONS"}.issuperset(operation.methods):
        statuses |= {403, 404, 409, 422}
    return statuses
