import '@onrush/chassis/tracing-start';
import { runService } from '@onrush/chassis/service';
import { createApp } from './app';
import { readConfig } from './config';

void runService({ name: 'gateway', config: readConfig, createApp });
