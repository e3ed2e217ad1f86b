# agentlab in a container, for those who want one: docs/INSTALL.md says what is different there.
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked && strip target/release/agentlab

FROM node:22-bookworm-slim
# The agent, with the tools that it works with. tini is PID 1: it collects what the others leave.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl git tini \
    && rm -rf /var/lib/apt/lists/* \
    && npm install -g @anthropic-ai/claude-code@2.1.197 \
    && npm cache clean --force
COPY --from=build /source/target/release/agentlab /usr/local/bin/agentlab
# The image has a user `node`; what an agent may do there, it may do as that one.
USER node
ENV AGENTLAB_HOME=/home/node/.agentlab
RUN mkdir -p /home/node/.agentlab /home/node/.claude /home/node/projects
VOLUME ["/home/node/.agentlab", "/home/node/.claude"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["curl", "-fsS", "http://127.0.0.1:8080/health"]
ENTRYPOINT ["tini", "--", "agentlab"]
CMD ["up"]
