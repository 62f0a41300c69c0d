// Before CAP, which has no such protection: CSRF tokens as SAP documents them. A session is good for two writes.
const cds = require('@sap/cds');
const { randomUUID } = require('node:crypto');

const sessions = new Map();

const cookie = (request) => /(?:^|;\s*)SAP_SESSIONID=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];

const protect = (request, response, next) => {
  const token = request.headers['x-csrf-token'] ?? '';
  if (request.method === 'GET') {
    if (token.toLowerCase() === 'fetch') {
      const session = randomUUID();
      sessions.set(session, { token: randomUUID(), writes: 2 });
      response.setHeader('x-csrf-token', sessions.get(session).token);
      response.setHeader('set-cookie', [
        `SAP_SESSIONID=${session}; path=/; HttpOnly`,
        'sap-usercontext=sap-client=100; path=/; expires=Thu, 01-Jan-2099 00:00:00 GMT',
      ]);
    }
    return next();
  }
  const session = sessions.get(cookie(request));
  if (session?.token === token && session.writes-- > 0) return next();
  return response.status(403).set('x-csrf-token', 'Required').type('text').send('CSRF token validation failed');
};

cds.prependListener('bootstrap', (app) => app.use('/sap/opu/odata/sap', protect));
module.exports = cds.server;
