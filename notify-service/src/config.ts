import { kafkaConfig, loadConfig, mysqlConfig, processConfig, redisConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({ ...processConfig, ...mysqlConfig, ...redisConfig, ...kafkaConfig });

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'notify-service', schema });
