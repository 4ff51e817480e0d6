"""A small OpenID provider on loopback, as the Hub is for its Spaces: it lets everybody in as ada, or nobody."""

import json
import threading
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET, SCOPES = "a-space", "a-secret-of-the-space", "openid profile contribute-repos jobs"


class Provider:
    """The server. `token`: the access token that it gives out, for `seconds`; `refuses`: the visitor does not agree."""

    def __init__(self, token: str) -> None:
        self.token, self.seconds, self.refuses = token, 8 * 3600, False
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.nonces: dict[str, str] = {}  # of each code
        self.asked_for: list[str] = []  # scopes, of each login
        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"provider": self}))
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def environment(self) -> dict[str, str]:
        """What the Hub sets in a Space with a login."""
        return {
            "SYSTEM": "spaces", "SPACE_ID": "lab/demo", "OPENID_PROVIDER_URL": self.url, "OAUTH_CLIENT_ID": CLIENT,
            "OAUTH_CLIENT_SECRET": SECRET, "OAUTH_SCOPES": SCOPES,
        }  # fmt: skip

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        ours, address = self.provider, urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/.well-known/openid-configuration":
            self.reply({
                "issuer": ours.url, "authorization_endpoint": f"{ours.url}/oauth/authorize",
                "token_endpoint": f"{ours.url}/oauth/token", "jwks_uri": f"{ours.url}/oauth/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
            })  # fmt: skip
        elif address.path == "/oauth/jwks":
            self.reply({"keys": [ours.key.as_dict(private=False)]})
        elif address.path == "/oauth/authorize":
            assert asked["client_id"] == CLIENT
            ours.asked_for.append(asked["scope"])
            code = f"code-{len(ours.asked_for)}"
            ours.nonces[code] = asked["nonce"]
            answer = {"error": "access_denied"} if ours.refuses else {"code": code}
            joint = "&" if "?" in asked["redirect_uri"] else "?"
            self.send_response(302)
            self.send_header("Location", asked["redirect_uri"] + joint + urlencode({**answer, "state": asked["state"]}))
            self.end_headers()

    def do_POST(self) -> None:
        ours, body = self.provider, self.rfile.read(int(self.headers["Content-Length"])).decode()
        code = parse_qs(body)["code"][0]
        assert b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode() == f"{CLIENT}:{SECRET}"
        now, page = int(time.time()), f"{ours.url}/ada"
        who = {"sub": "1", "name": "Ada", "preferred_username": "ada", "profile": page, "picture": f"{page}.png"}
        claims = {**who, "iss": ours.url, "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": ours.nonces.pop(code)}
        self.reply({
            "access_token": ours.token, "token_type": "bearer", "expires_in": ours.seconds, "scope": SCOPES,
            "id_token": jwt.encode({"alg": "RS256", "kid": "1"}, claims, ours.key),
        })  # fmt: skip

    def reply(self, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
