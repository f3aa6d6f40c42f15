"""Flask: `init_app(app, customer=lambda request: …)`, where Flask's own request, session and user are at hand."""

import sys
from collections.abc import Iterable
from typing import Any

from llmobserve.guard import guarded
from llmobserve.middleware.options import Ask, Options
from llmobserve.middleware.request_run import relabel
from llmobserve.middleware.wsgi import TAKEN, LLMObserveMiddleware

__all__ = ["init_app"]

_LABELS = guarded("middleware.flask")


def init_app(
    app: Any,
    *,
    customer: Ask | None = None,
    user: Ask | None = None,
    session: Ask | None = None,
    excluded_paths: Iterable[str] = (),
    baggage: bool | Ask = False,
) -> None:
    """Make each request of a Flask application a run, until its streamed body has ended.

    `customer`, `user`, `session` get Flask's request when routing is done, and may use whatever Flask offers then: the
    id, or `None`. `excluded_paths`: such as "/health" or "/static/*". `baggage`: whether the caller is a service of
    your own, or what tells it of a WSGI environ.

    Raises:
        SettingError: an option cannot be used.
    """
    asked = Options(customer=customer, user=user, session=session)
    app.wsgi_app = LLMObserveMiddleware(app.wsgi_app, excluded_paths=excluded_paths, baggage=baggage)
    if not asked.askers:
        return

    def label_request() -> None:
        with _LABELS:
            request: Any = sys.modules["flask"].request
            if TAKEN in request.environ:
                relabel(asked.labels(request))

    app.before_request(label_request)
