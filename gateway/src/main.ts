import './tracing-start';
import { runWorkers } from '@onrush/chassis/workers';
import { createApp } from './app';
import { readConfig } from './config';

void runWorkers({ name: 'gateway', config: readConfig, createApp });
