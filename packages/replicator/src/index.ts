export * from './alerts/index.ts';
export * from './channel.ts';
export * from './doveadm-listener.ts';
export * from './doveadm-service.ts';
export * from './ended-sync.ts';
export * from './intake.ts';
export * from './user-refresh.ts';
export * from './worker-pool.ts';
