# Earshot's own processes: API and workers. TypeScript runs as it is, so there is nothing to build.
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings Node itself: of the install scripts none is needed.
RUN npm ci --omit=dev --ignore-scripts
COPY tsconfig.json ./
COPY migrations ./migrations
COPY src ./src
COPY activities ./activities
COPY workers ./workers
COPY workflows ./workflows
RUN mkdir -p .cache && chown node:node .cache
USER 1000:1000
ENV HOST=0.0.0.0 PORT=8787
EXPOSE 8787
CMD ["node", "workers/all.ts"]
