import { type Access, boardContentSecurityPolicy } from '../access.ts';
import { Problem, sendProblem } from '../problem.ts';
import { type App, boardPath, type RouteContext } from './context.ts';

/**
 * The page of the BullMQ queues, for the role `operate`, read-only.
 *
 * A browser sends no bearer token when a person opens a page, so here, and nowhere else, it is asked for a
 * password: any user name, and the token.
 */
export async function queueRoutes(app: App, { parts }: RouteContext, access: Access): Promise<void> {
  const { board } = parts;
  if (board === undefined) return;
  const { plugin, close } = await board(boardPath);
  app.addHook('onClose', close);
  await app.register(async (scope) => {
    // Hooks answer by themselves: an error would go to the handler of the page.
    scope.addHook('onRequest', async (request, reply) => {
      const { authorization, host } = request.headers;
      // With the slash, the browser sends the password below this path only.
      if (request.url === boardPath) return reply.redirect(`${boardPath}/`);
      reply.headers({
        'content-security-policy': boardContentSecurityPolicy,
        'cache-control': 'no-store',
      });
      try {
        access.check('operate', { authorization, host });
        if (request.method !== 'GET' && request.method !== 'HEAD') throw readOnly();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.status === 401) void reply.header('www-authenticate', passwordQuestion);
        return sendProblem(reply, error);
      }
    });
    await scope.register(plugin, { prefix: boardPath });
  });
}

const passwordQuestion = 'Basic realm="dsyncd, with the operate token as password", charset="UTF-8"';

const readOnly = (): Problem =>
  new Problem(405, 'DSYNCD_HTTP_READ_ONLY', 'these queues can only be viewed', {
    hint: 'what is in them says who holds which user: use `dsyncadm` or the API to ask for syncs',
  });
