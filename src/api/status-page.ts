import { fileURLToPath } from 'node:url';
import express, { type Express } from 'express';
import helmet from 'helmet';

const FILES = fileURLToPath(new URL('pages/public/', import.meta.url));

/**
 * The page for operators, and beside it what it is made of. It holds no data and needs no key: its script asks the routes,
 * with a key that is typed in. Nothing inline is run, nothing comes from elsewhere, and no text can become markup.
 */
const POLICY = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'"],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
  'require-trusted-types-for': ["'script'"],
  'trusted-types': ["'none'"],
};

export function mountStatusPage(app: Express): void {
  const headers = helmet({ contentSecurityPolicy: { useDefaults: false, directives: POLICY } });
  app.get('/status', headers, (_request, response) => response.sendFile('status.html', { root: FILES, maxAge: 0 }));
  app.use('/status', headers, express.static(FILES, { index: false, redirect: false, maxAge: 0 }));
}
