"""The server's description of itself: Swagger 2.0, from the table of parameters it binds by."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.parameters import CODES, PARAMETERS, Parameter

_INT32: Final = {"type": "integer", "format": "int32"}
_TEXT: Final = {"type": "string", "x-nullable": True}
_BOOLEAN: Final = {"type": "boolean"}
_ANYTHING: Final[dict[str, Any]] = {}


def _object(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties), **more}


_CUSTOM_COLUMN: Final = _object(
    {
        "ID": _INT32,
        "DataType": {**_INT32, "enum": list(range(7))},
        "DataLength": _INT32,
        "IsDropDownColumn": _BOOLEAN,
        "IsDropDownCustomTextAllowed": _BOOLEAN,
        "IsDropDownAllowMultipleSelection": _BOOLEAN,
        "ClientID": _INT32,
        "NewValue": _ANYTHING,
        "AllowHTMLPopup": _BOOLEAN,
        "DataSourceContainer": {
            "type": "array",
            "items": _object({"Key": {"type": "string"}, "Value": {"type": "string"}, "Additional": _ANYTHING}),
        },
        "IsRequired": _BOOLEAN,
        "ColumnName": {"type": "string"},
        "DisplayName": {"type": "string"},
        "Value": _ANYTHING,
    }
)
_CUSTOMER: Final = _object(
    {
        "UserID": _INT32,
        "Email": _TEXT,
        "FirstName": _TEXT,
        "LastName": _TEXT,
        "EmailCC": _TEXT,
        "Rating": _INT32,
        "CorporateName": _TEXT,
        "IsWholeSaleUser": _BOOLEAN,
        "IsWholesaleString": {"type": "string"},
        "CustomColumns": {"type": "array", "items": {"$ref": "#/definitions/CustomColumn"}},
    },
    additionalProperties=False,
)
_ARTICLE_CUSTOMER: Final = _object(
    {
        "ID": _INT32,
        "Name": {"type": "string"},
        "Email": _TEXT,
        "CreatedOn": {"type": "string"},
        "CustomerType": {"type": "string"},
        "Rating": {"type": "string"},
        "Address": _object({"City": _TEXT, "ZipCode": _TEXT, "Country": _TEXT}),
        "Tags": {"type": "array", "items": {"type": "string"}},
        "Balance": {"type": "number"},
        "Active": _BOOLEAN,
    }
)
_DETAILS: Final = _object(
    {block: {"type": "object"} for block in ("General", "Internal", "OrderOptions", "Personal")}
    | {"Addresses": {"type": "array", "items": {"type": "object"}}}
    | {"WholesaleOptions": {"type": "object"}, "CustomerGroups": {"type": "object"}}
    | {"CreditCards": {"type": "array", "items": {"type": "object"}}}
    | {"CustomColumns": {"type": "array", "items": {"$ref": "#/definitions/CustomColumn"}}}
    | {"NotesCount": _INT32, "IsModified": _BOOLEAN}
)
_ERROR: Final = {"type": "object", "properties": {"Message": {"type": "string"}}}
_TOKEN: Final = _object(
    {
        "access_token": {"type": "string"},
        "token_type": {"type": "string"},
        "username": {"type": "string"},
        "expires_in": {"type": "number", "format": "double"},
        ".issued": {"type": "string"},
        ".expires": {"type": "string"},
    }
)
_CREDENTIALS: Final = _object({"Username": {"type": "string"}, "Password": {"type": "string"}})


def _parameter(parameter: Parameter, options: Options) -> dict[str, Any]:
    """Describe a query parameter as this server binds it."""
    prefix = "model." if "swagger" in options.dialects else ""
    head = {"name": prefix + parameter.name, "in": "query", "required": False}
    if parameter.kind == "text":
        return head | {"type": "string"}
    if parameter.kind == "date":
        iso = "swagger" in options.dialects
        shape = {"format": "date-time"} if iso else {"pattern": "^(0[1-9]|1[0-2])/(0[1-9]|1[0-9]|2[0-8])/20[0-9]{2}$"}
        return head | {"type": "string"} | shape
    if parameter.kind == "integers":
        return head | {"type": "array", "items": _INT32, "collectionFormat": "multi"}
    if parameter.kind == "integer":
        return head | _INT32
    codes = CODES[parameter.kind]
    return head | _INT32 | {"enum": list(codes), "x-enumNames": list(codes.values())}


def describe(options: Options, url: str) -> dict[str, Any]:
    """Describe a sandbox as it behaves.

    Parameters
    ----------
    options : Options
        Its switches; the dialects decide how parameters are called.
    url : str
        Where it listens.

    Returns
    -------
    dict
        A Swagger 2.0 document.

    Examples
    --------
    >>> document = describe(Options(), "http://127.0.0.1:8080")
    >>> sorted(document["paths"])
    ['/api/Customers', '/api/Customers/{id}', '/api/server-by-team/', '/api/token']
    """
    known = [each for each in PARAMETERS if each.in_article or "swagger" in options.dialects]
    customer_id = {"name": "id", "in": "path", "required": True, **_INT32}
    team = {"name": "team", "in": "query", "required": True, "type": "string"}
    credentials = {"name": "model", "in": "body", "required": True, "schema": _CREDENTIALS}
    return {
        "swagger": "2.0",
        "info": {"version": "v1", "title": "Sandbox of the SellerCloud customers API"},
        "host": urlsplit(url).netloc,
        "basePath": "/rest",
        "schemes": ["http"],
        "produces": ["application/json"],
        "paths": {
            "/api/token": {"post": _operation("Receive a new token", [credentials], "Token", 400, 401, 415)},
            "/api/Customers": {
                "get": _operation(
                    "List customers",
                    [_parameter(each, options) for each in known],
                    "CustomerPage",
                    *(400, 401, 414),
                    guarded=True,
                )
            },
            "/api/Customers/{id}": {
                "get": _operation("Get one customer", [customer_id], "CustomerDetails", 400, 401, 404, guarded=True)
            },
            "/api/server-by-team/": {"get": _operation("Find a team's server", [team], "Team", 414)},
        },
        "definitions": {
            "Token": _TOKEN,
            "CustomColumn": _CUSTOM_COLUMN,
            "Customer": _ARTICLE_CUSTOMER if options.style == "article" else _CUSTOMER,
            "CustomerPage": _object(
                {
                    "Items": {"type": "array", "items": {"$ref": "#/definitions/Customer"}, "x-nullable": True},
                    "TotalResults": _INT32,
                }
            ),
            "CustomerDetails": _DETAILS,
            "Team": {"type": "object", "properties": {"Success": _BOOLEAN}, "required": ["Success"]},
            "Error": _ERROR,
        },
        "securityDefinitions": {"Token": {"type": "apiKey", "name": "Authorization", "in": "header"}},
    }


def _operation(
    summary: str, parameters: list[dict[str, Any]], answer: str, *errors: int, guarded: bool = False
) -> dict[str, Any]:
    responses = {"200": {"description": "OK", "schema": {"$ref": f"#/definitions/{answer}"}}}
    for status in errors:
        responses[str(status)] = {"description": "Refused", "schema": {"$ref": "#/definitions/Error"}}
    operation = {"summary": summary, "parameters": parameters, "responses": responses}
    if parameters and parameters[0]["in"] == "body":
        operation["consumes"] = ["application/json", "text/json"]
    return operation | ({"security": [{"Token": []}]} if guarded else {})
