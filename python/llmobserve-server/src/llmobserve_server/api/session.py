"""Signs a browser in with a token that is good once, and out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from llmobserve_server.api.models import SignInRequest
from llmobserve_server.api.static import Dashboard
from llmobserve_server.auth.access import OwnerAccess, current_session, gate_of
from llmobserve_server.auth.gate import SignInOver
from llmobserve_server.auth.origin import peer_address, sender_of
from llmobserve_server.control.sessions import SESSION_LIFE
from llmobserve_server.errors import Forbidden, Unauthorized

__all__ = ["link_router", "router"]

router = APIRouter(tags=["session"])
link_router = APIRouter(include_in_schema=False)


@router.post("/session", status_code=204)
async def sign_in(request: Request, wanted: SignInRequest) -> Response:
    """Exchange the token of a sign-in link for a session cookie."""
    if sender_of(request, gate_of(request).deployment) == "foreign_page":
        raise Forbidden("Only the dashboard itself may sign in.")
    cookie = await gate_of(request).sign_in(wanted.token, peer_address(request))
    return _with_cookie(request, Response(status_code=204), cookie)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, access: OwnerAccess) -> Response:
    """End the session; its cookie is refused from now on."""
    session = await current_session(request)
    if session is not None:
        await gate_of(request).sign_out(session, access.actor)
    response = Response(status_code=204)
    deployment = gate_of(request).deployment
    response.delete_cookie(deployment.cookie_name, path=deployment.prefix + "/")
    return response


@link_router.get("/sign-in")
async def follow_sign_in_link(request: Request, token: Annotated[str | None, Query()] = None) -> Response:
    """Sign in by the printed link and go to the dashboard; a signed-in browser keeps its session and the token."""
    if token is None:
        shown: Dashboard = request.app.state.dashboard
        return shown.answer(request, "sign-in")
    if "prefetch" in request.headers.get("sec-purpose", ""):
        # A browser that loads the link ahead of time would use the token up without showing anything.
        return PlainTextResponse("Open the link to sign in.\n", status_code=503)
    to_dashboard = RedirectResponse("./", status_code=303)
    if await current_session(request) is not None:
        return to_dashboard
    try:
        cookie = await gate_of(request).sign_in(token, peer_address(request))
    except (SignInOver, Unauthorized) as error:
        return PlainTextResponse(error.message + "\n", status_code=error.status)
    return _with_cookie(request, to_dashboard, cookie)


def _with_cookie(request: Request, response: Response, cookie: str) -> Response:
    deployment = gate_of(request).deployment
    response.set_cookie(
        deployment.cookie_name,
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        path=deployment.prefix + "/",
        secure=deployment.cookie_secure,
        httponly=True,
        samesite="lax",
    )
    return response
