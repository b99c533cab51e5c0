import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { authService } from '@onrush/proto';
import type { IpRuleList } from '@onrush/proto/gen/onrush/auth/v1/IpRuleList';
import type { RevocationBatch } from '@onrush/proto/gen/onrush/auth/v1/RevocationBatch';
import type { Feed } from '../data/feed';

export const grpcHandlers = (feeds: {
  revocations: Feed<RevocationBatch>;
  ipRules: Feed<IpRuleList>;
}): ServedService =>
  serve(authService, {
    Revocations: {
      allow: ['gateway'],
      serverStream: (stream) => feeds.revocations.subscribe(stream),
    },
    IpRules: {
      allow: ['gateway'],
      serverStream: (stream) => feeds.ipRules.subscribe(stream),
    },
  });
