"""A website's back end, written with PyPI's Authlib. It says where to send the browser, is told where the browser came
back to, and says who logged in; each a line of JSON."""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

# The daemon of a test has no TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


def hear():
    return json.loads(sys.stdin.readline())


def say(what):
    print(json.dumps(what), flush=True)


told = hear()
metadata = requests.get(told["issuer"] + "/.well-known/openid-configuration", timeout=20).json()
session = OAuth2Session(
    told["client_id"],
    told["client_secret"],
    scope="openid wechat",
    redirect_uri=told["redirect_uri"],
    code_challenge_method="S256",
    token_endpoint_auth_method="client_secret_post",
)
verifier, nonce = generate_token(48), generate_token()
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
say(url)

callback = hear()
# As Authlib's integrations for web frameworks do.
error = parse_qs(urlsplit(callback).query).get("error")
if error:
    say({"error": error[0]})
    sys.exit()
try:
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier
    )
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=[told["alg"]])
    options = {
        "iss": {"essential": True, "value": metadata["issuer"]},
        "aud": {"essential": True, "value": told["client_id"]},
        "nonce": {"essential": True, "value": nonce},
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, {"nonce": nonce, "client_id": told["client_id"]})
    claims.validate()
    user = session.get(metadata["userinfo_endpoint"]).json()
    session.revoke_token(metadata["revocation_endpoint"], token["access_token"])
    after = session.get(metadata["userinfo_endpoint"])
    error = "invalid_token" if "invalid_token" in after.headers.get("WWW-Authenticate", "") else after.status_code
    say({"claims": dict(claims), "user": user, "openid": token["openid"], "after": error})
except OAuthError as error:
    say({"error": error.error})
