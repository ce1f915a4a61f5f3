// oidc-provider as the OAuth server. Refresh tokens rotate, a used one kills
// its whole family, and access tokens are opaque and die within --ttl seconds.
// Nobody consents in a browser: the first tokens of an account are made through
// the server's own models.

import http from 'node:http';

import Provider from 'oidc-provider';

import { listen } from './listen.js';

const scope = 'offline_access records';

export async function startAuthority({ ttl, clientSecret }) {
  const server = http.createServer();
  const url = await listen(server);
  const clientId = 'sync';
  const gateId = 'gate';
  const gateSecret = 'the-secret-of-the-gate';
  const client = {
    token_endpoint_auth_method: 'client_secret_basic',
    response_types: [],
    redirect_uris: [],
  };

  const provider = new Provider(url, {
    clients: [
      { ...client, client_id: clientId, client_secret: clientSecret, grant_types: ['refresh_token'] },
      { ...client, client_id: gateId, client_secret: gateSecret, grant_types: [] },
    ],
    scopes: ['openid', ...scope.split(' ')],
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    rotateRefreshToken: true,
    clockTolerance: 0,
    ttl: { AccessToken: ttl, RefreshToken: 86400, Grant: 86400 },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    cookies: { keys: ['not used: no browser comes here'] },
  });
  server.on('request', provider.callback());

  const stats = { granted: 0, refused: 0, errors: {}, accounts: {}, grants_revoked: 0 };
  countTokens(provider, stats);

  // A new grant, as if the person had just agreed; older grants live on.
  async function signIn(account, { accessToken = false } = {}) {
    const syncClient = await provider.Client.find(clientId);
    const grant = new provider.Grant({ accountId: account, clientId });
    grant.addOIDCScope(scope);
    const common = {
      accountId: account, client: syncClient, grantId: await grant.save(), gty: 'authorization_code', scope,
    };
    return {
      refresh_token: await new provider.RefreshToken(common).save(),
      access_token: accessToken ? await new provider.AccessToken(common).save() : null,
    };
  }

  return {
    url,
    tokenUrl: `${url}/token`,
    introspectionUrl: `${url}/token/introspection`,
    gateAuthorization: `Basic ${Buffer.from(`${gateId}:${gateSecret}`).toString('base64')}`,
    clientId,
    clientSecret,
    signIn,
    stats,
  };
}

// Counts by what the server itself reports. A refused token belongs to the
// account it was once saved for.
function countTokens(provider, stats) {
  const owners = new Map();
  const of = (account) => (stats.accounts[account] ??= { granted: 0, refused: 0 });

  provider.on('refresh_token.saved', (token) => owners.set(token.jti, token.accountId));
  provider.on('grant.success', (ctx) => {
    stats.granted += 1;
    of(ctx.oidc.account.accountId).granted += 1;
  });
  provider.on('grant.error', (ctx, error) => {
    stats.refused += 1;
    stats.errors[error.error] = (stats.errors[error.error] ?? 0) + 1;
    of(owners.get(ctx.oidc?.params?.refresh_token) ?? 'unknown').refused += 1;
  });
  provider.on('grant.revoked', () => {
    stats.grants_revoked += 1;
  });
}
