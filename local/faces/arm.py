"""Azure Resource Manager: who calls, may he, is it too often, what fails on purpose; then the route's handler."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from local.faces.http import Json, Request, Response, answer, gateway_error
from local.world import RequestRecord, World
from local.world.access import InvalidToken, Principal
from local.world.errors import ArmError
from local.world.faults import Answer, Delay, Drop, Ending, LostAnswer
from local.world.model import Call
from local.world.throttles import READS, Limit

AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
NEWEST_API = "2026-08-01"


@dataclass(frozen=True)
class Context:
    """What a handler gets."""

    world: World
    request: Request
    params: dict[str, str]
    call: Call

    def body(self) -> Json:
        """Return the request's body; raise ArmError (400) if it isn't an object."""
        try:
            return self.request.json()
        except ValueError as error:
            text = "The request content was invalid and could not be deserialized."
            raise ArmError(400, "InvalidRequestContent", text, gateway=True) from error


@dataclass(frozen=True)
class Route:
    """One thing that can be asked. In `path` a `|` ends the scope on which `action` has to be allowed."""

    name: str
    method: str
    path: str
    action: str
    """Empty where every authenticated caller may."""
    kind: str
    """For faults and the request log."""
    handler: Callable[[Context], Response]

    @property
    def layer(self) -> str:
        """Whose limits hold, beside ARM's own."""
        if self.kind == "resourceGraph":
            return "graph"
        return "aks" if "Microsoft.ContainerService" in self.path else "arm"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as an expression, whose group `scope` ends at the bar."""
        scope, _, rest = self.path.partition("|")
        named = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", f"(?P<scope>{scope}){rest}/?")
        return re.compile(named, re.IGNORECASE)


def handle(world: World, request: Request, routes: tuple[Route, ...]) -> Response:
    """Answer a request to management.azure.com."""
    response, record = _Exchange(world, request, routes).run()
    if response.again_after:
        return response
    world.requests.append(record)
    return response if response.drop else response.plus(*_ids(world, request))


def _ids(world: World, request: Request) -> list[tuple[str, str]]:
    request_id = request.headers.get("x-ms-correlation-request-id") or world.guid()
    headers = [("x-ms-request-id", world.guid()), ("x-ms-correlation-request-id", request_id)]
    if request.headers.get("x-ms-return-client-request-id", "").lower() == "true":
        headers.append(("x-ms-client-request-id", request.headers.get("x-ms-client-request-id", "")))
    return headers


class _Exchange:
    """One request on its way through the gateway."""

    def __init__(self, world: World, request: Request, routes: tuple[Route, ...]) -> None:
        self.world, self.request, self.routes = world, request, routes
        self.principal: Principal | None = None
        self.kind = ""
        self.headers: list[tuple[str, str]] = []

    def run(self) -> tuple[Response, RequestRecord]:
        """Return the answer and the line for the log."""
        try:
            response = self._answer()
        except ArmError as error:
            response = error_response(error)
        response = response.plus(*self.headers)
        request = self.request
        record = RequestRecord(
            time=self.world.now,
            method=request.method,
            path=request.path,
            kind=self.kind,
            principal=self.principal.name if self.principal else "",
            client_request_id=request.headers.get("x-ms-client-request-id", ""),
            if_match=request.headers.get("if-match", ""),
            status=0 if response.drop else response.status,
        )
        return response, record

    def _answer(self) -> Response:
        try:
            self.principal = self.world.access.authenticate(
                self.request.headers.get("authorization"), (self.request.base_url, *AUDIENCES)
            )
        except InvalidToken as error:
            return self._unauthorized(error)
        route, match = self._route()
        self.kind = route.kind
        with self.world.entered():
            if "s" in match.groupdict():
                self.world.subscription(match["s"])
            self._authorize(self.principal, route, match["scope"])
            self._throttle(self.principal, route, match)
            self.world.locks.check(self.request.method, match["scope"])
        effect = self.world.faults.take(self.request.method, self.request.path, route.kind)
        match effect:
            case Answer():
                return _injected(effect)
            case Drop():
                return Response(drop=True)
            case Delay():
                return Response(again_after=effect.by.total_seconds())
            case _:
                ending = effect if isinstance(effect, Ending) else None
                response = self._handle(self.principal, route, match, ending)
                return Response(drop=True) if isinstance(effect, LostAnswer) else response

    def _handle(
        self,
        principal: Principal,
        route: Route,
        match: re.Match[str],
        ending: Ending | None,
    ) -> Response:
        call = Call(
            principal,
            correlation_id=self.request.headers.get("x-ms-correlation-request-id") or self.world.guid(),
            api_version=self.request.query.get("api-version", ""),
            ending=ending,
        )
        params = {name: value for name, value in match.groupdict().items() if name != "scope"}
        with self.world.entered():
            return route.handler(Context(self.world, self.request, params, call))

    def _unauthorized(self, error: InvalidToken) -> Response:
        tenant = self.world.access.tenant
        challenge = (
            f'Bearer authorization_uri="{self.request.base_url}/{tenant}", '
            f'error="invalid_token", error_description="{error}"'
        )
        return gateway_error(401, error.code, str(error)).plus(("WWW-Authenticate", challenge))

    def _route(self) -> tuple[Route, re.Match[str]]:
        allowed: list[str] = []
        for route in self.routes:
            if match := route.pattern.fullmatch(self.request.path):
                if route.method == self.request.method:
                    self._check_api_version()
                    return route, match
                allowed.append(route.method)
        if allowed:
            text = f"The requested resource does not support http method '{self.request.method}'."
            raise ArmError(405, "HttpMethodNotSupported", text, gateway=True)
        text = f"The local Azure has nothing at '{self.request.path}'."
        raise ArmError(404, "InvalidResourceType", text, gateway=True)

    def _check_api_version(self) -> None:
        version = self.request.query.get("api-version")
        if not version:
            text = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError(400, "MissingApiVersionParameter", text, gateway=True)
        if not re.fullmatch(r"20\d\d-\d\d-\d\d(-preview)?", version) or version[:10] > NEWEST_API:
            text = f"The api-version '{version}' is invalid. The newest version here is '{NEWEST_API}'."
            raise ArmError(400, "InvalidApiVersionParameter", text, gateway=True)

    def _authorize(self, principal: Principal, route: Route, scope: str) -> None:
        if route.action and not self.world.access.may(principal, route.action, scope):
            raise ArmError(
                403,
                "AuthorizationFailed",
                f"The client '{principal.client_id}' with object id '{principal.object_id}' does not have "
                f"authorization to perform action '{route.action}' over scope '{scope}' or the scope is invalid. "
                "If access was recently granted, please refresh your credentials.",
                gateway=True,
            )

    def _throttle(self, principal: Principal, route: Route, match: re.Match[str]) -> None:
        groups = match.groupdict()
        who = {
            "principal": f"{principal.object_id}/{groups.get('s', '')}",
            "subscription": groups.get("s", ""),
            "group": f"{groups.get('s')}/{groups.get('g')}",
            "resource": self.request.path,
        }
        for limit in self.world.throttles.of(route.layer, route.name, self.request.method):
            left, wait = self.world.throttles.take(limit, who, self.world.now)
            self.headers += _quota_headers(limit, self.request.method, left)
            if wait is not None:
                raise _too_many(limit, who["subscription"], wait)


def _quota_headers(limit: Limit, method: str, left: int) -> list[tuple[str, str]]:
    match limit.layer:
        case "arm":
            name = "deletes" if method == "DELETE" else "reads" if method in READS else "writes"
            return [
                (f"x-ms-ratelimit-remaining-subscription-{name}", str(left)),
                (f"x-ms-ratelimit-remaining-subscription-global-{name}", str(left * 15)),
            ]
        case "graph":
            return [
                ("x-ms-user-quota-remaining", str(left)),
                ("x-ms-user-quota-resets-after", "00:00:05"),
            ]
        case _:
            return []


def _too_many(limit: Limit, subscription: str, wait: int) -> ArmError:
    if limit.layer == "graph":
        text = "Please provide below info when asking for support: the client was rate limited."
        return ArmError(429, "RateLimiting", text, gateway=True, retry_after=wait)
    if limit.layer == "arm":
        text = f"Number of requests for subscription '{subscription}' exceeded. Retry after '{wait}' seconds."
        return ArmError(429, "SubscriptionRequestsThrottled", text, gateway=True, retry_after=wait)
    text = (
        f"The {limit.name} request limit has been exceeded for SubID='{subscription}', please retry again in "
        f"{wait} seconds. For more information, please visit aka.ms/aks/throttling"
    )
    return ArmError(429, "Throttled", text, retry_after=wait)


def error_response(error: ArmError) -> Response:
    """Return an error in the shape of whoever refuses: the gateway or the AKS resource provider."""
    if error.gateway:
        response = gateway_error(error.status, error.code, error.message)
    else:
        flat = {"code": error.code, "details": None, "message": error.message, "subcode": error.subcode}
        response = answer(flat | ({"target": error.target} if error.target else {}), error.status)
    return response if error.retry_after is None else response.plus(("Retry-After", str(error.retry_after)))


def _injected(fault: Answer) -> Response:
    error = ArmError(fault.status, fault.code, fault.message, gateway=fault.gateway, retry_after=fault.retry_after)
    return error_response(error).plus(*fault.headers)
