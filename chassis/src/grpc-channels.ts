import * as grpc from '@grpc/grpc-js';
import type { Discovery, Instance } from './discovery';

/** A channel and the calls that are on it. */
export interface Channel {
  client: grpc.Client;
  /** Says that a call has ended; to be called once for each `take`. */
  release(): void;
}

export interface Channels {
  /** The channel to an instance, also to one that discovery does not list; it stays open until it is released. */
  take(instance: Instance): Channel;
  close(): void;
}

interface Kept extends Channel {
  calls: number;
  isListed: boolean;
}

const targetOf = ({ address, grpcPort }: Instance): string => `${address}:${grpcPort}`;

/** One channel to each address of a service. That of an instance which discovery no longer lists is closed when the last call on it has ended. */
export function createChannels(discovery: Discovery, service: string): Channels {
  const channels = new Map<string, Kept>();

  function open(target: string): Kept {
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    });
    const kept: Kept = {
      client,
      calls: 0,
      isListed: discovery.instances(service).some((instance) => targetOf(instance) === target),
      release() {
        kept.calls -= 1;
        closeUnused(target, kept);
      },
    };
    channels.set(target, kept);
    return kept;
  }

  function closeUnused(target: string, kept: Kept): void {
    if (kept.isListed || kept.calls > 0) return;
    channels.delete(target);
    kept.client.close();
  }

  const stopWatching = discovery.onChange(service, (instances) => {
    const listed = new Set(instances.map(targetOf));
    for (const [target, kept] of channels) {
      kept.isListed = listed.has(target);
      closeUnused(target, kept);
    }
  });

  return {
    take(instance) {
      const target = targetOf(instance);
      const kept = channels.get(target) ?? open(target);
      kept.calls += 1;
      return kept;
    },
    close() {
      stopWatching();
      for (const { client } of channels.values()) client.close();
      channels.clear();
    },
  };
}
