// Whether the gateway works, for people, load balancers and orchestrators. No authentication.
import { z } from 'zod';
import type { Health } from '../../services/check-health.ts';
import { data } from '../answer.ts';
import { defineRoute } from '../route.ts';

const check = () => z.enum(['ok', 'down']);

export const healthSchema = z
  .object({
    status: z.enum(['ok', 'degraded', 'down']),
    version: z.string(),
    checks: z.object({ database: check(), temporal: check(), access_token: check() }),
  })
  .meta({ id: 'HealthResponse' });

const aliveSchema = z.object({ status: z.literal('ok') });

function presentHealth(health: Health, version: string): z.infer<typeof healthSchema> {
  const { database, temporal, accessToken } = health.checks;
  return { status: health.status, version, checks: { database, temporal, access_token: accessToken } };
}

export const health = defineRoute({
  operationId: 'health',
  method: 'GET',
  path: '/health',
  surface: 'public',
  tag: 'health',
  summary: { zh: '健康状况', en: 'Health' },
  description: {
    zh: '`down`：数据库或任务引擎不可用，不能核销；`degraded`：拿不到抖音 access token，须尽快处理。',
    en: '`down`: database or workflow engine away, nothing can be verified; `degraded`: no Douyin access token, look soon.',
  },
  responses: {
    200: {
      description: { zh: '可用（ok 或 degraded）', en: 'Usable (ok or degraded)' },
      schema: healthSchema,
    },
    503: { description: { zh: '不可用', en: 'Down' }, schema: healthSchema },
  },
  errorCodes: [],
  async handler(deps) {
    const health = await deps.healthChecker.check();
    return data(presentHealth(health, deps.version), health.status === 'down' ? 503 : 200);
  },
});

export const livez = defineRoute({
  operationId: 'livez',
  method: 'GET',
  path: '/livez',
  surface: 'public',
  tag: 'health',
  summary: { zh: '进程存活', en: 'The process is alive' },
  description: {
    zh: '只说明进程能应答；失败时由编排系统重启。',
    en: 'Says only that the process answers; an orchestrator restarts it when this fails.',
  },
  responses: { 200: { description: { zh: '存活', en: 'Alive' }, schema: aliveSchema } },
  errorCodes: [],
  handler: () => data({ status: 'ok' }),
});

export const readyz = defineRoute({
  operationId: 'readyz',
  method: 'GET',
  path: '/readyz',
  surface: 'public',
  tag: 'health',
  summary: { zh: '可接流量', en: 'Ready for traffic' },
  description: {
    zh: '停机中、数据库或任务引擎不可用时为 503；负载均衡据此摘除。',
    en: '503 while stopping or while database or workflow engine are away; load balancers take the process out.',
  },
  responses: {
    200: { description: { zh: '就绪', en: 'Ready' }, schema: healthSchema },
    503: { description: { zh: '未就绪', en: 'Not ready' }, schema: healthSchema },
  },
  errorCodes: [],
  async handler(deps) {
    const health = await deps.healthChecker.check();
    const isReady = health.status !== 'down' && !deps.isStopping();
    return data(presentHealth(health, deps.version), isReady ? 200 : 503);
  },
});
