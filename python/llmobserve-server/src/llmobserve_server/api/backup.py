"""A backup of the whole server as one file, while it runs."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from llmobserve_server.auth.access import OwnerAccess

if TYPE_CHECKING:
    from llmobserve_server.jobs.backup import Backup, Backups

__all__ = ["router"]

router = APIRouter(tags=["storage"])


@router.post(
    "/backup",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-tar": {}}, "description": "The file"}},
)
async def back_up(request: Request, access: OwnerAccess) -> StreamingResponse:
    """All events, the control database and loaded price books: what `llmobserve db restore` takes.

    The header `Llmobserve-Backup-Point` tells the moment that it is of: all that was acknowledged before is in it.
    One backup is made at a time, another is answered with 409.
    """
    backups: Backups = request.app.state.backups
    # In a thread of its own: it takes long, and the readers are for questions.
    backup = await asyncio.to_thread(backups.make)
    point = backup.point.isoformat(timespec="seconds").replace("+00:00", "Z")
    headers = {
        "Content-Length": str(backup.size_bytes),
        "Content-Disposition": f'attachment; filename="llmobserve-{backup.point:%Y%m%dT%H%M%SZ}.tar"',
        "Llmobserve-Backup-Point": point,
    }
    return StreamingResponse(_stream(backup), media_type="application/x-tar", headers=headers)


async def _stream(backup: "Backup") -> AsyncGenerator[bytes]:
    try:
        while chunk := await asyncio.to_thread(backup.read):
            yield chunk
    finally:
        # Also when the browser has gone.
        backup.close()
