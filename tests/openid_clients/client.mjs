// A website's back end, written with npm's openid-client. It says where to send the browser, is told where the browser
// came back to, and says who logged in; each a line of JSON.

import readline from 'node:readline';

import * as client from 'openid-client';

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hear = async () => JSON.parse((await lines.next()).value);
const say = (what) => console.log(JSON.stringify(what));

const { issuer, client_id: id, client_secret: secret, redirect_uri: redirectUri, alg } = await hear();
const metadata = { client_secret: secret, id_token_signed_response_alg: alg };
const options = { execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(issuer), id, metadata, client.ClientSecretBasic(secret), options);

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
say(client.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: 'openid wechat',
  state: expectedState,
  nonce: expectedNonce,
  max_age: '300',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
}));

const callback = new URL(await hear());
try {
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 300, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(config, callback, checks);
  const claims = tokens.claims();
  const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  await client.tokenRevocation(config, tokens.access_token);
  const after = await client.fetchUserInfo(config, tokens.access_token, claims.sub).catch((error) => error);
  say({ claims, user, openid: tokens.openid, after: after.cause?.[0]?.parameters?.error ?? after.error ?? String(after) });
} catch (error) {
  say({ error: error.error ?? error.code ?? String(error) });
}
process.exit(0);
