"""Who may look: whoever knows the token, or whom a proxy let through."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from ghostwatch.notifier.http import Request

COOKIE = "ghostwatch_page"
COOKIE_SECONDS = 90 * 24 * 3600


@dataclass(frozen=True)
class Access:
    """The token that opens the page, and the header in which a proxy names who it let through; at least one is set."""

    token: str | None
    proxy_header: str | None
    https: bool = False

    def allows(self, request: Request) -> bool:
        """Whether a request shows the token, the cookie that was given for it, or the proxy's header."""
        if self.proxy_header and request.headers.get(self.proxy_header.lower()):
            return True
        if self.token is None:
            return False
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        return _same(_cookie(request), self._derived("cookie"))

    def allows_picture(self, path: str, query: str) -> bool:
        """Whether the address of a picture carries the key for this one picture, for pages that embed it."""
        key = parse_qs(query).get("key", [""])[0]
        return self.token is not None and _same(key, self.picture_key(path))

    def picture_key(self, path: str) -> str:
        """The key for one picture. It opens nothing else."""
        return self._derived(f"picture {path}")[:32] if self.token is not None else ""

    def logs_in(self, request: Request) -> str | None:
        """The cookie to set, where the form was sent with the token."""
        given = parse_qs(request.body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        if self.token is None or not _same(given, self.token):
            return None
        secure = "; Secure" if self.https else ""
        # Lax: the link in a chat message opens the page.
        return f"{COOKIE}={self._derived('cookie')}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"

    def _derived(self, purpose: str) -> str:
        """What is handed out instead of the token: it proves that somebody knew it, and does not tell it."""
        key = (self.token or "").encode()
        return hmac.new(key, f"ghostwatch page: {purpose}".encode(), hashlib.sha256).hexdigest()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _cookie(request: Request) -> str:
    try:
        cookies = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""
