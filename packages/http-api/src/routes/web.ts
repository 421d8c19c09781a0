import fastifyStatic from '@fastify/static';
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifySchema } from 'fastify';
import { docsContentSecurityPolicy } from '../access.ts';
import type { App } from './context.ts';

/** The description of the API at `/docs/json`, and a page that shows it at `/docs`. Before the routes. */
export async function describeApi(app: App, version: string): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'dsyncd', version, description: 'Status, operation and notification of dsyncd.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route }) => {
      const role = route.config?.role;
      if (role === undefined) return { schema: { ...schema, hide: true }, url };
      const described: FastifySchema = {
        ...schema,
        tags: [role === 'none' ? 'open to everyone' : `role ${role}`],
        ...(role === 'none' ? {} : { security: [{ token: [] }] }),
      };
      return { schema: described, url };
    },
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: docsContentSecurityPolicy,
    uiConfig: { validatorUrl: null, tryItOutEnabled: false },
  });
}

/**
 * The dashboard: files with a hash in their name may be kept for ever, others are asked for again. Its build
 * has compressed them, each beside itself.
 */
export async function serveDashboard(app: App, folder: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: folder,
    prefix: '/',
    decorateReply: false,
    dotfiles: 'deny',
    cacheControl: false,
    preCompressed: true,
    setHeaders: (reply, path) => {
      const isHashed = /[-.][A-Za-z0-9_-]{8,}\.(js|css|woff2|svg|png)(\.br|\.gz)?$/.test(path);
      void reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
}
