# Builds everything, then keeps only what runs: built code and production dependencies, for a user without rights.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm ci --ignore-scripts && npm run build \
  && node scripts/production-files.mjs /app \
  && cd /app && npm ci --omit=dev --ignore-scripts

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true ASSAY_HTTP_HOST=0.0.0.0 ASSAY_HTTP_PORT=8080 ASSAY_WORK_DIR=/work
RUN mkdir /work && chown node:node /work
COPY --from=build /app /app
WORKDIR /app
USER node
VOLUME /work
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node"]
CMD ["services/cli/bin/assay.js", "--help"]
