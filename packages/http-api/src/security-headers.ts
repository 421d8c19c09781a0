const shared = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
} as const;

/** Pages that others made use styles in their markup and pictures in their styles. */
const foreignPage =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'none'; " +
  "frame-ancestors 'none'; object-src 'none'; base-uri";

export const docsContentSecurityPolicy = `${foreignPage} 'none'`;

/** bull-board would take its fonts from the Internet: it may not, and has others. */
export const boardContentSecurityPolicy = `${foreignPage} 'self'`;

/** What every answer carries, so that a browser does with it only what it is for. */
export const securityHeaders = (hasTls: boolean): Readonly<Record<string, string>> =>
  hasTls ? { ...shared, 'strict-transport-security': 'max-age=31536000' } : shared;
