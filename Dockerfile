# One image for each service: `--build-arg SERVICE=order-service`. What all of them share is built once.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY chassis/package.json chassis/
COPY proto/package.json proto/
COPY gateway/package.json gateway/
COPY user-service/package.json user-service/
COPY auth-service/package.json auth-service/
COPY product-service/package.json product-service/
COPY seckill-service/package.json seckill-service/
COPY order-service/package.json order-service/
COPY payment-service/package.json payment-service/
COPY notify-service/package.json notify-service/
COPY e2e/package.json e2e/
COPY bench/package.json bench/

# Everything is compiled, with what only a build needs. Afterwards sources are gone, and what is read while running (Lua) is left.
FROM packages AS build
RUN npm ci --ignore-scripts
COPY . .
RUN npm run proto && npx tsc --build \
    chassis proto gateway user-service auth-service product-service \
    seckill-service order-service payment-service notify-service \
  && find ./*/src ./*/dist -type f \( -name '*.ts' -o -name '*.d.ts.map' -o -name '*.tsbuildinfo' \) -delete

# What the lock file names for this service, and nothing that only a build or a test needs.
FROM packages AS production
ARG SERVICE
RUN npm ci --ignore-scripts --omit=dev --workspace=${SERVICE} \
  && rm node_modules/@onrush/${SERVICE} \
  && find node_modules -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.md' \) -delete

FROM ${NODE_IMAGE}
ARG SERVICE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="onrush/${SERVICE}" \
      org.opencontainers.image.description="One service of Onrush, a flash-sale back end" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    HTTP_PORT=8080 \
    GRPC_PORT=9090 \
    MANAGEMENT_PORT=8081 \
    SERVICE_VERSION=${VERSION} \
    OTEL_SERVICE_NAME=${SERVICE}
WORKDIR /app
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/chassis chassis
COPY --from=build /app/proto proto
# The same command for all; a migration is `service/dist/migrate.js`.
COPY --from=build /app/${SERVICE} service
COPY config config
USER 1000:1000
EXPOSE 8080 9090 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MANAGEMENT_PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["service/dist/main.js"]
