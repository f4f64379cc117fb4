"""The two pages: one to try the models on, one that shows the OpenAPI document. Nothing in them is from elsewhere."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from starlette.responses import HTMLResponse

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def load_page(name: str) -> HTMLResponse:
    """A page of the `page` folder, with a policy by which a browser runs its own script and style, and no others.

    Args:
        name: The file's name.
    """
    html = (files(__package__) / "page" / name).read_text("utf-8")
    hashes = {kind: f"'sha256-{_digest(code)}'" for kind, code in _INLINE.findall(html)}
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; script-src {hashes['script']}; "
        f"style-src {hashes['style']}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    return HTMLResponse(html, headers=headers)


def _digest(code: str) -> str:
    return b64encode(sha256(code.encode()).digest()).decode()
