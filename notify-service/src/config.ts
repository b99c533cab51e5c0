import { loadConfig, serviceConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({ ...serviceConfig });

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'notify-service', schema });
