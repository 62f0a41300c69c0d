// An OpenID Provider on loopback: node oidc_provider.mjs PORT CLIENTS_JSON; /api/me wants a token that it sold.
import * as library from 'oidc-provider';

const [port, clients] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const Provider = library.default ?? library.Provider;
const provider = new Provider(issuer, {
  clients: JSON.parse(clients),
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
  scopes: ['read'],
  ttl: { ClientCredentials: () => 4 },
});
provider.use(async (ctx, next) => {
  if (ctx.path !== '/api/me') return next();
  const [word, text] = (ctx.get('authorization') || '').split(' ');
  const token = word === 'Bearer' && text ? await provider.ClientCredentials.find(text) : undefined;
  ctx.status = token && !token.isExpired ? 200 : 401;
  ctx.body = token ? { client: token.clientId } : { message: 'no good token' };
});
provider.listen(Number(port), '127.0.0.1');
